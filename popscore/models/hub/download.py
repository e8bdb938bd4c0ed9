"""A model file from the Hugging Face Hub, or from the local cache."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popscore.errors import ModelUnavailable
from popscore.models.hub.client import SHA256, ClientUnusable, started

# A Hub that answers 503 keeps huggingface_hub retrying for 23 s. People who wait for a page do not wait
# that long: after this many seconds without a new byte popscore stops waiting.
PATIENCE_S = 15.0
# huggingface_hub reports progress once per chunk, and its chunks of 10 MB would look like silence on a
# slow line. With these, anything faster than 1.1 kB per second counts as alive.
_CHUNK_BYTES = 16 * 1024


@dataclass(frozen=True)
class HubFile:
    """A file of a Hub repository in the local cache, and the commit it belongs to."""

    location: Path
    commit: str

    def stated_sha256(self) -> str | None:
        """The SHA-256 that the Hub states for the content, which huggingface_hub does not check.

        The cache stores a large file under it. None for a small file, and for a cache without links.
        """
        try:
            blob = self.location.readlink().name
        except OSError:
            return None
        return blob if SHA256.fullmatch(blob) else None

    def discard(self) -> None:
        """Remove the file from the cache, so that the next start gets it anew."""
        self.location.resolve().unlink(missing_ok=True)
        self.location.unlink(missing_ok=True)


def fetch(repo: str, file: str, revision: str) -> HubFile:
    """Get one file from the Hub, or from the local cache.

    A revision that is a full commit makes no network call once it is cached. HF_ENDPOINT, HF_TOKEN,
    HF_HOME and HF_HUB_OFFLINE work as everywhere. A Hub that does not answer is given up after
    `PATIENCE_S`, and what the cache holds for the revision is used.

    Args:
        repo: OWNER/NAME.
        file: path inside the repository.
        revision: commit, tag or branch.

    Raises:
        ModelUnavailable: the file could not be had; the message gives the reason and the next step.
    """
    what = f"The model {file} of {repo} at {revision} could not be had"
    try:
        hub = started()
    except ClientUnusable as error:
        raise ModelUnavailable(f"{what}: {error}") from error
    heartbeat = _Heartbeat()
    answer: list[str] = []
    failure: list[Exception] = []

    def download() -> None:
        try:
            answer.append(_download(repo, file, revision, heartbeat))
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread, which sorts it out
            failure.append(error)

    # huggingface_hub cannot be told to stop, so it runs beside this thread and is left behind if it
    # takes too long. What it still downloads then goes to its own cache and serves the next start.
    worker = threading.Thread(target=download, name="popscore-hub", daemon=True)
    worker.start()
    while worker.is_alive() and heartbeat.silence_s() < PATIENCE_S:
        worker.join(timeout=0.05)
    if answer:
        return _hub_file(answer[0], file)
    if not failure or not isinstance(failure[0], (hub.errors.HfHubHTTPError, hub.errors.HFValidationError)):
        # Nobody answered. huggingface_hub looks into its cache in some of these cases, not in all.
        cached = hub.try_to_load_from_cache(repo, file, revision=revision)
        if isinstance(cached, str):
            return _hub_file(cached, file)
    if failure:
        raise ModelUnavailable(f"{what}: {_reason(failure[0])}") from failure[0]
    raise ModelUnavailable(f"{what}: the Hub sent nothing for {PATIENCE_S:.0f} seconds. Try again later.")


def _hub_file(path: str, file: str) -> HubFile:
    location = Path(path)  # …/snapshots/<commit>/<file>
    return HubFile(location, commit=location.parents[len(Path(file).parts) - 1].name)


class _Heartbeat:
    """The time of the last byte that arrived."""

    def __init__(self) -> None:
        self._last_s = time.monotonic()

    def beat(self) -> None:
        self._last_s = time.monotonic()

    def silence_s(self) -> float:
        return time.monotonic() - self._last_s


def _download(repo: str, file: str, revision: str, heartbeat: _Heartbeat) -> str:
    from huggingface_hub import constants, hf_hub_download
    from tqdm.auto import tqdm

    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES
    heartbeat.beat()

    class Progress(tqdm):  # type: ignore[misc]
        """A progress bar that draws nothing and reports each piece that arrived."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})
            heartbeat.beat()

        def update(self, n: float | None = 1) -> bool | None:
            if n:
                heartbeat.beat()
            return bool(super().update(n))

    return hf_hub_download(repo, file, revision=revision, tqdm_class=Progress, library_name="popscore")


def _reason(error: Exception) -> str:
    """Say in words for a user what huggingface_hub ran into, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.HFValidationError):
        return "the Hub knows no names of this form. Check POPSCORE_MODEL_REPO."
    if isinstance(error, errors.GatedRepoError):
        return "the repository is gated. Accept its terms on the Hub and set HF_TOKEN."
    if isinstance(error, errors.RepositoryNotFoundError):
        return "no such repository, or it is private. Check POPSCORE_MODEL_REPO, and set HF_TOKEN if it is private."
    if isinstance(error, errors.RevisionNotFoundError):
        return "the repository has no such revision. Check POPSCORE_MODEL_REVISION."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return "the repository has no such file. Check POPSCORE_MODEL_FILE."
    if isinstance(error, (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)):
        from huggingface_hub import constants

        if constants.HF_HUB_OFFLINE:
            return "HF_HUB_OFFLINE is set and the file is not in the cache. Unset it once to fetch the file."
        cause = error.__cause__
        if isinstance(cause, errors.HfHubHTTPError):
            return _reason(cause)
        return "the Hub cannot be reached. Check the connection and HF_ENDPOINT."
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401 or status == 403:
        return f"the Hub answered {status}, access denied. Check HF_TOKEN."
    if status is not None:
        return f"the Hub answered {status}. Try again later."
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.strerror}. Check the disk and HF_HOME."
    return f"the connection broke off ({type(error).__name__}). Check it and HF_ENDPOINT, then try again."
