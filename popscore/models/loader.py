"""One loader for a model from three places: the Hub, a local file, the embedded one."""

import hashlib
import threading
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from popscore.errors import ModelRefused, ModelUnavailable
from popscore.models import hub
from popscore.models.session import ScoringSession, open_session
from popscore.models.spec import ModelInfo
from popscore.settings import Settings

EMBEDDED_FILE = "embedded/model.onnx"
_MAX_MODEL_BYTES = 1_000_000_000


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to score, and what is known about it."""

    session: ScoringSession
    info: ModelInfo


_loaded: dict[Settings, LoadedModel] = {}
_lock = threading.Lock()


def load_model(settings: Settings) -> LoadedModel:
    """The model that the settings ask for: loaded at the first call, shared by all later ones.

    Threads that come while it is being loaded wait for it.

    Raises:
        ModelUnavailable: it could not be had, and there is no falling back.
        ModelRefused: it is not the model asked for, or not an image scorer.
    """
    with _lock:
        if settings not in _loaded:
            _loaded[settings] = _load(settings)
        return _loaded[settings]


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


def _load_from_hub(settings: Settings, repo: str) -> LoadedModel:
    found = hub.fetch(repo, settings.model_file, settings.model_revision)
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
    return LoadedModel(session, info)


def _load_file(settings: Settings, location: Path) -> LoadedModel:
    try:
        content = _read_limited(location) if location.is_file() else None
    except OSError as error:
        raise ModelUnavailable(
            f"The model file {location} cannot be read: {error.strerror}. Check POPSCORE_MODEL_PATH."
        ) from error
    if content is None:
        raise ModelUnavailable(f"There is no model file at {location}. Check POPSCORE_MODEL_PATH.")
    sha256 = _checked_sha256(content, settings.model_sha256, file=location.name)
    session = open_session(content, file=location.name)
    info = ModelInfo(spec=session.spec, source="file", origin=location.name, sha256=sha256)
    return LoadedModel(session, info)


def _load_embedded(notice: str | None = None) -> LoadedModel:
    try:
        content = files("popscore.models").joinpath(EMBEDDED_FILE).read_bytes()
    except OSError as error:
        missing = f"The embedded model is missing ({error.strerror}). Install popscore again."
        raise ModelUnavailable(f"{notice} {missing}" if notice else missing) from error
    session = open_session(content, file="the embedded model")
    sha256 = hashlib.sha256(content).hexdigest()
    return LoadedModel(session, ModelInfo(spec=session.spec, source="embedded", sha256=sha256, notice=notice))


def _read_limited(location: Path) -> bytes:
    size_bytes = location.stat().st_size
    if size_bytes > _MAX_MODEL_BYTES:
        raise ModelRefused(
            f"{location.name} was refused: {size_bytes / 1e6:.0f} MB is more than popscore loads "
            f"({_MAX_MODEL_BYTES / 1e6:.0f} MB). Use a smaller model."
        )
    return location.read_bytes()


def _checked_sha256(content: bytes, wanted: str | None, *, file: str) -> str:
    found = hashlib.sha256(content).hexdigest()
    if wanted is not None and found != wanted:
        raise ModelRefused(
            f"{file} was refused: its SHA-256 is {found}, not the {wanted} that POPSCORE_MODEL_SHA256 asks for. "
            "Check where the file came from, then the setting."
        )
    return found
