"""What the Hub says about a file, checked before any of it becomes a name on the disk.

HF_ENDPOINT may name any server. The cache of huggingface_hub calls a blob by the tag that the server sends and a folder
by the commit; `hf_hub_download` takes both as they come, twice, so a tag such as `../../x` is written anywhere. Here
they are asked for once, and must look like what the Hub sends.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import huggingface_hub
from huggingface_hub import constants

from popscore.errors import ModelRefused
from popscore.models.network import MAX_MODEL_BYTES

_COMMIT = re.compile(r"[0-9a-f]{40}")
# The SHA-256 of a large file, the SHA-1 of a small one; other servers that speak the protocol send other digests.
_TAG = re.compile(r"[0-9a-f]{1,64}")
_SHOWN = 60


class Misbehaves(Exception):
    """The server answers, but not as the Hub does; the message says how, and the next step."""


@dataclass(frozen=True)
class Stated:
    """What the Hub states about one file.

    Attributes:
        commit: 40 hexadecimal digits.
        tag: 1 to 64 hexadecimal digits; 64 are the SHA-256 of the content.
        size: bytes; None where it says nothing.
        location: address of the content.
        token: what to send to that address, if anything.
    """

    commit: str
    tag: str
    size: int | None
    location: str
    token: str | None


def ask(repo: str, file: str, revision: str) -> Stated:
    """Ask for commit, tag and size of a file.

    Raises:
        Misbehaves: the answer cannot be that of a Hub.
        ModelRefused: the file is larger than popscore loads.
        httpx2.HTTPError, huggingface_hub.errors.HFValidationError, OfflineModeIsEnabled: there was no answer, or the
            Hub refuses.
    """
    url = huggingface_hub.hf_hub_url(repo, file, revision=revision)
    token = huggingface_hub.get_token()
    answer = huggingface_hub.get_hf_file_metadata(
        url, token=token, timeout=constants.HF_HUB_ETAG_TIMEOUT, library_name="popscore"
    )
    commit = _matching("X-Repo-Commit", answer.commit_hash, _COMMIT)
    if _COMMIT.fullmatch(revision) and commit != revision:
        raise Misbehaves(f"the server names commit {commit}, which is not the one asked for. Check HF_ENDPOINT.")
    tag = _matching("ETag", answer.etag, _TAG)
    if answer.size is not None and answer.size > MAX_MODEL_BYTES:
        raise ModelRefused(too_large(file, repo, answer.size))
    address = urlsplit(answer.location)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Misbehaves(f"the server sends on to {answer.location[:_SHOWN]!r}, no web address. Check HF_ENDPOINT.")
    size = None if answer.size is None or answer.size < 0 else answer.size
    return Stated(commit, tag, size, answer.location, token if _is_of_the_hub(answer.location, url) else None)


def too_large(file: str, repo: str, size: int) -> str:
    """What is said of a file that is larger than popscore loads."""
    return (
        f"{file} of {repo} was refused: {size / 1e6:.0f} MB is more than popscore loads "
        f"({MAX_MODEL_BYTES / 1e6:.0f} MB). Use a smaller model."
    )


def _matching(header: str, value: str | None, pattern: re.Pattern[str]) -> str:
    if value is None:
        raise Misbehaves(f"the server sends no {header}, so it is no Hub. Check HF_ENDPOINT and the connection.")
    if not pattern.fullmatch(value):
        raise Misbehaves(f"the server sends {header} {value[:_SHOWN]!r}, which no Hub does. Check HF_ENDPOINT.")
    return value


def _is_of_the_hub(location: str, url: str) -> bool:
    """Whether the token may go there: to the host that was asked, or from a mirror on to the Hub itself."""
    there, here = urlsplit(location), urlsplit(url)
    if (there.scheme, there.netloc) == (here.scheme, here.netloc):
        return True
    return (there.scheme, there.netloc) == ("https", urlsplit(huggingface_hub.HUGGINGFACE_CO_URL_HOME).netloc)
