"""What the environment says, read once and checked."""

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from popscore.errors import InvalidSetting

_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
# It becomes part of a path in the Hub's cache, so it must not lead out of it.
_REVISION = re.compile(r"(?!/)(?!.*\.\.)[\w./-]{1,255}", re.ASCII)
# A name or an IPv4 address, a name with `*.` in front, or `*` for any; no scheme and no port.
_HOST = re.compile(r"\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}

BYTES_PER_MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one process. The defaults are those of an empty environment.

    Attributes:
        hosts: names that the app is served as, besides those that it finds by itself: in lower case, `*.` in front
            for all names below one, `*` alone for any name at all.
        selfie_path, selfie_repo: a selfie model, as a file or as a repository of the Hub; at most one of the two.
        fetch_addresses: whether the app fetches photos and videos that a client gives by their address.
        study_pairs: a table of pairs that the app asks people about; without it there is no study.
        study_images: the folder with the photos of these pairs; by default the table's own.
        study_answers: the file that the answers are kept in; by default beside the table.
    """

    model_repo: str | None = None
    model_revision: str = "main"
    model_file: str = "model.onnx"
    model_sha256: str | None = None
    model_path: Path | None = None
    selfie_path: Path | None = None
    selfie_repo: str | None = None
    strict: bool = False
    max_image_bytes: int = 25 * BYTES_PER_MB
    max_video_bytes: int = 500 * BYTES_PER_MB
    max_files: int = 500
    cache_dir: Path | None = None
    hosts: tuple[str, ...] = ()
    fetch_addresses: bool = True
    study_pairs: Path | None = None
    study_images: Path | None = None
    study_answers: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the POPSCORE_* variables. An empty variable counts as not set.

        Raises:
            InvalidSetting: a variable holds a value that cannot be used; the message names it.
        """
        values = os.environ if environment is None else environment

        def text(name: str) -> str | None:
            return values.get(name, "").strip() or None

        def path(name: str) -> Path | None:
            found = text(name)
            return _path(name, found) if found else None

        sha256 = text("POPSCORE_MODEL_SHA256")
        selfie_path, selfie_repo = _file_or_repo("POPSCORE_SELFIE_MODEL", text("POPSCORE_SELFIE_MODEL"))
        return cls(
            model_repo=_matching("POPSCORE_MODEL_REPO", text("POPSCORE_MODEL_REPO"), _REPO, "OWNER/NAME"),
            model_revision=_matching(
                "POPSCORE_MODEL_REVISION",
                text("POPSCORE_MODEL_REVISION"),
                _REVISION,
                "a commit, a tag or a branch",
            )
            or "main",
            model_file=_relative_file("POPSCORE_MODEL_FILE", text("POPSCORE_MODEL_FILE") or "model.onnx"),
            model_sha256=_matching(
                "POPSCORE_MODEL_SHA256", sha256 and sha256.lower(), _SHA256, "64 hexadecimal digits"
            ),
            model_path=path("POPSCORE_MODEL_PATH"),
            selfie_path=selfie_path,
            selfie_repo=selfie_repo,
            strict=_flag("POPSCORE_STRICT", values.get("POPSCORE_STRICT", "")),
            max_image_bytes=_megabytes("POPSCORE_MAX_IMAGE_MB", text("POPSCORE_MAX_IMAGE_MB"), 25),
            max_video_bytes=_megabytes("POPSCORE_MAX_VIDEO_MB", text("POPSCORE_MAX_VIDEO_MB"), 500),
            max_files=int(_positive("POPSCORE_MAX_FILES", text("POPSCORE_MAX_FILES"), 500, whole=True)),
            cache_dir=path("POPSCORE_CACHE_DIR"),
            hosts=_hosts("POPSCORE_HOSTS", values.get("POPSCORE_HOSTS", "")),
            fetch_addresses=_flag("POPSCORE_FETCH_ADDRESSES", text("POPSCORE_FETCH_ADDRESSES") or "1"),
            study_pairs=path("POPSCORE_STUDY"),
            study_images=path("POPSCORE_STUDY_IMAGES"),
            study_answers=path("POPSCORE_STUDY_ANSWERS"),
        )


def _matching(name: str, value: str | None, pattern: re.Pattern[str], wanted: str) -> str | None:
    if value is not None and not pattern.fullmatch(value):
        raise InvalidSetting(f"{name}={value[:80]!r} cannot be used: it must be {wanted}.")
    return value


def _relative_file(name: str, value: str) -> str:
    parts = value.split("/")
    if "\\" in value or not value.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise InvalidSetting(f"{name}={value[:80]!r} cannot be used: it must be a file inside the repository.")
    return value


def _path(name: str, value: str) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise InvalidSetting(f"{name}={value[:80]!r} cannot be used: there is no such home directory.") from None


def _file_or_repo(name: str, value: str | None) -> tuple[Path | None, str | None]:
    """Whichever of the two the value is. What looks like OWNER/NAME is a file where one is there, or ends in .onnx."""
    if value is None:
        return None, None
    if _REPO.fullmatch(value) and not value.lower().endswith(".onnx") and not os.path.lexists(value):
        return None, value
    if not value.isprintable():
        raise InvalidSetting(f"{name}={value[:80]!r} cannot be used: it must be a file, or OWNER/NAME on the Hub.")
    return _path(name, value), None


def _flag(name: str, value: str) -> bool:
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise InvalidSetting(f"{name}={value[:80]!r} cannot be used: it must be 1 or 0.")
    return word in _TRUE


def _hosts(name: str, value: str) -> tuple[str, ...]:
    found = tuple(part for raw in value.split(",") if (part := raw.strip().lower().removesuffix(".")))
    for part in found:
        if len(part) > 253 or not (_HOST.fullmatch(part) or _is_ipv6(part)):
            raise InvalidSetting(
                f"{name}={part[:80]!r} cannot be used: it must be names of hosts without scheme and port, separated "
                "by commas, such as photos.example.com or *.example.com."
            )
    return tuple(str(ipaddress.ip_address(part.strip("[]"))) if _is_ipv6(part) else part for part in found)


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).version == 6
    except ValueError:
        return False


def _positive(name: str, value: str | None, default: float, *, whole: bool) -> float:
    if value is None:
        return default
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (0 < number <= 1_000_000) or (whole and not number.is_integer()):
        kind = "a whole number" if whole else "a number"
        raise InvalidSetting(f"{name}={value[:80]!r} cannot be used: it must be {kind} above 0 and at most 1000000.")
    return number


def _megabytes(name: str, value: str | None, default: float) -> int:
    return max(1, int(_positive(name, value, default, whole=False) * BYTES_PER_MB))
