"""One loader for a model from three places: the Hub, a local file, the embedded one."""

import hashlib
import math
import threading
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from popscore.errors import ModelRefused, ModelUnavailable, PopscoreError
from popscore.files.opening import NotRegular, limited_bytes
from popscore.models.hub import download
from popscore.models.network import MAX_MODEL_BYTES
from popscore.models.session import ScoringSession, open_session
from popscore.models.spec import I2PA_SPEC, ModelInfo
from popscore.settings import Settings

EMBEDDED_FILE = "embedded/model.onnx"
# After a fall-back the Hub is asked again at the first use of the model after this time, in the background.
RETRY_AFTER_S = 300.0
_SELFIE_VARIABLE = "POPSCORE_SELFIE_MODEL"


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to score, and what is known about it.

    Attributes:
        location: of its file, from which another process can load it too.
    """

    session: ScoringSession
    info: ModelInfo
    location: Path


# What decides which model answers. Limits, say, do not, and a model is loaded once for all of them.
_Choice = tuple[Path | None, str | None, str, str, str | None, bool]


@dataclass
class _Entry:
    """A model in use, and when the Hub may be asked again if it is a stand-in."""

    model: LoadedModel
    retry_at_s: float = math.inf


_loaded: dict[_Choice, _Entry] = {}
_lock = threading.Lock()
# Selfie models in use, and why one of the Hub could not be had, until when that is believed.
_selfies: dict[tuple[Path | None, str | None], LoadedModel] = {}
_not_had: dict[str, tuple[PopscoreError, float]] = {}
_selfie_lock = threading.Lock()


def load_model(settings: Settings) -> LoadedModel:
    """The model that the settings ask for: loaded at the first call, shared by all later ones.

    Threads that come while it is being loaded wait for it. Where the embedded model stands in for one of the Hub,
    the Hub is asked again after a while; nobody waits for that, and the model changes when it is there.

    Raises:
        ModelUnavailable: it could not be had, and there is no falling back.
        ModelRefused: it is not the model asked for, or not an image scorer.
    """
    choice = _choice(settings)
    with _lock:
        if choice not in _loaded:
            model = _load(settings)
            _loaded[choice] = _Entry(model, math.inf if model.info.notice is None else _next_try_s())
        entry = _loaded[choice]
        if time.monotonic() >= entry.retry_at_s:
            entry.retry_at_s = math.inf  # one try at a time
            threading.Thread(target=_ask_again, args=(settings, entry), name="popscore-hub-again", daemon=True).start()
        return entry.model


def load_selfie_model(settings: Settings) -> LoadedModel | None:
    """The selfie model that the settings ask for; None where they ask for none. Loaded once, as `load_model`.

    Of the Hub it is `model.onnx` on the branch main. Where that could not be had, the Hub is asked again at the first
    use after `RETRY_AFTER_S`; until then the same error is raised at once.

    Raises:
        ModelUnavailable: it could not be had.
        ModelRefused: it is no image scorer, or of another kind.
    """
    path, repo = settings.selfie_path, settings.selfie_repo
    if path is None and repo is None:
        return None
    with _selfie_lock:
        if (path, repo) not in _selfies:
            _selfies[path, repo] = _selfie_file(path) if path is not None else _selfie_of_hub(repo or "")
        return _selfies[path, repo]


def _selfie_file(path: Path) -> LoadedModel:
    return _checked_kind(_load_file(Settings(), path, variable=_SELFIE_VARIABLE), path.name)


def _selfie_of_hub(repo: str) -> LoadedModel:
    error, until_s = _not_had.get(repo, (None, 0.0))
    if error is not None and time.monotonic() < until_s:
        raise error
    try:
        return _checked_kind(_load_from_hub(Settings(), repo), f"model.onnx of {repo}")
    except PopscoreError as error:
        _not_had[repo] = error, _next_try_s()
        raise


def _checked_kind(model: LoadedModel, file: str) -> LoadedModel:
    """The model, if it is one for selfies."""
    kind = model.info.spec.kind
    if kind != "selfie":
        what = "it does not say what it is" if model.info.spec is I2PA_SPEC else f"its kind is {kind}"
        raise ModelRefused(
            f"{file} was refused: {what}, and {_SELFIE_VARIABLE} takes models of the kind selfie. "
            "Make one with train-selfie, or leave the variable empty."
        )
    return model


def _choice(settings: Settings) -> _Choice:
    return (
        settings.model_path,
        settings.model_repo,
        settings.model_revision,
        settings.model_file,
        settings.model_sha256,
        settings.strict,
    )


def _next_try_s() -> float:
    return time.monotonic() + RETRY_AFTER_S


def _ask_again(settings: Settings, entry: _Entry) -> None:
    """Put the Hub's model in the place of its stand-in, if it can be had by now."""
    try:
        entry.model = _load_from_hub(settings, settings.model_repo or "", patient=True)  # nobody waits
    except (ModelUnavailable, ModelRefused):
        entry.retry_at_s = _next_try_s()


def _load(settings: Settings) -> LoadedModel:
    if settings.model_path is not None:
        return _load_file(settings, settings.model_path)
    if settings.model_repo is None:
        return _load_embedded()
    try:
        return _load_from_hub(settings, settings.model_repo)
    except (ModelUnavailable, ModelRefused) as error:
        if settings.strict:
            raise
        return _load_embedded(notice=f"{error} Until then the embedded model answers.")


def _load_from_hub(settings: Settings, repo: str, *, patient: bool = False) -> LoadedModel:
    wait_s = download.END_S if patient or settings.strict else download.WAIT_S
    found = download.fetch(repo, settings.model_file, settings.model_revision, wait_s=wait_s)
    file = f"{settings.model_file} of {repo}"
    try:
        content = _read_limited(found.location)
        damaged = found.stated_sha256() not in (None, hashlib.sha256(content).hexdigest())
        if damaged:
            found.discard()
    except OSError as error:
        raise ModelUnavailable(f"The cached model {file} cannot be read: {error.strerror}. Check HF_HOME.") from error
    if damaged:
        raise ModelUnavailable(
            f"The model {file} could not be had: the copy that arrived is damaged, its SHA-256 is not the one that "
            "the Hub states. It was removed; start popscore again to fetch it anew."
        )
    sha256 = _checked_sha256(content, settings.model_sha256, file=file)
    session = open_session(content, file=file)
    info = ModelInfo(spec=session.spec, source="hub", origin=repo, revision=found.commit, sha256=sha256)
    return LoadedModel(session, info, found.location)


def _load_file(settings: Settings, location: Path, *, variable: str = "POPSCORE_MODEL_PATH") -> LoadedModel:
    try:
        content = _read_limited(location)
    except ModelRefused:
        raise
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, NotRegular, ValueError) as error:
        raise ModelUnavailable(f"There is no model file at {location}. Check {variable}.") from error
    except OSError as error:
        raise ModelUnavailable(
            f"The model file {location} cannot be read: {error.strerror}. Check {variable}."
        ) from error
    sha256 = _checked_sha256(content, settings.model_sha256, file=location.name)
    session = open_session(content, file=location.name)
    info = ModelInfo(spec=session.spec, source="file", origin=location.name, sha256=sha256)
    return LoadedModel(session, info, location)


def _load_embedded(notice: str | None = None) -> LoadedModel:
    location = Path(str(files("popscore.models").joinpath(EMBEDDED_FILE)))
    try:
        content = location.read_bytes()
    except OSError as error:
        missing = f"The embedded model is missing ({error.strerror}). Install popscore again."
        raise ModelUnavailable(f"{notice} {missing}" if notice else missing) from error
    session = open_session(content, file="the embedded model", checked=True)
    sha256 = hashlib.sha256(content).hexdigest()
    return LoadedModel(session, ModelInfo(spec=session.spec, source="embedded", sha256=sha256, notice=notice), location)


def reopened(location: Path, info: ModelInfo) -> LoadedModel:
    """A model that another process has loaded, from the same file.

    Args:
        location, info: of that `LoadedModel`.

    Raises:
        ModelUnavailable: the file is gone, or it is another one by now.
    """
    try:
        content = location.read_bytes()
    except OSError as error:
        raise ModelUnavailable(
            f"The model file {location.name} cannot be read any more: {error.strerror}. Start popscore again."
        ) from error
    if hashlib.sha256(content).hexdigest() != info.sha256:
        raise ModelUnavailable(f"The model file {location.name} has changed. Start popscore again to use it.")
    return LoadedModel(open_session(content, file=location.name, checked=True), info, location)


def _read_limited(location: Path) -> bytes:
    content = limited_bytes(location, MAX_MODEL_BYTES)
    if isinstance(content, int):
        raise ModelRefused(
            f"{location.name} was refused: {content / 1e6:.0f} MB is more than popscore loads "
            f"({MAX_MODEL_BYTES / 1e6:.0f} MB). Use a smaller model."
        )
    return content


def _checked_sha256(content: bytes, wanted: str | None, *, file: str) -> str:
    found = hashlib.sha256(content).hexdigest()
    if wanted is not None and found != wanted:
        raise ModelRefused(
            f"{file} was refused: its SHA-256 is {found}, not the {wanted} that POPSCORE_MODEL_SHA256 asks for. "
            "Check where the file came from, then the setting."
        )
    return found
