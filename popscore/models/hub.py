"""The Hugging Face Hub: the only code of popscore that uses the network."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popscore.errors import ModelUnavailable

# A Hub that answers 503 keeps huggingface_hub retrying for 23 s. People who wait for a page do not wait
# that long: after this many seconds without a new byte popscore stops waiting.
PATIENCE_S = 15.0


@dataclass(frozen=True)
class HubFile:
    """A file of a Hub repository in the local cache, and the commit it belongs to."""

    location: Path
    commit: str


def fetch(repo: str, file: str, revision: str, *, patience_s: float = PATIENCE_S) -> HubFile:
    """Get one file from the Hub, or from the local cache.

    A revision that is a full commit makes no network call once it is cached. HF_ENDPOINT, HF_TOKEN,
    HF_HOME and HF_HUB_OFFLINE work as everywhere.

    Args:
        repo: OWNER/NAME.
        file: path inside the repository.
        revision: commit, tag or branch.
        patience_s: longest time without a new byte, in seconds.

    Raises:
        ModelUnavailable: the file could not be had; the message gives the reason and the next step.
    """
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
    while worker.is_alive() and heartbeat.silence_s() < patience_s:
        worker.join(timeout=0.05)
    where = f"{file} of {repo} at {revision}"
    if failure:
        raise ModelUnavailable(f"The model {where} could not be had: {_reason(failure[0])}") from failure[0]
    if not answer:
        raise ModelUnavailable(
            f"The model {where} could not be had: the Hub sent nothing for {patience_s:.0f} seconds. Try again later."
        )
    location = Path(answer[0])
    depth = len(Path(file).parts)
    return HubFile(location=location, commit=location.parents[depth - 1].name)  # …/snapshots/<commit>/<file>


class _Heartbeat:
    """The time of the last byte that arrived."""

    def __init__(self) -> None:
        self._last_s = time.monotonic()

    def beat(self) -> None:
        self._last_s = time.monotonic()

    def silence_s(self) -> float:
        return time.monotonic() - self._last_s


def _download(repo: str, file: str, revision: str, heartbeat: _Heartbeat) -> str:
    # Imported here: it costs a cold start of the embedded model nothing.
    from huggingface_hub import hf_hub_download
    from tqdm.auto import tqdm

    heartbeat.beat()

    class Progress(tqdm):  # type: ignore[misc]
        """A progress bar that draws nothing and reports each piece that arrived."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            heartbeat.beat()
            return bool(super().update(n))

    return hf_hub_download(repo, file, revision=revision, tqdm_class=Progress, library_name="popscore")


def _reason(error: Exception) -> str:
    """Say in words for a user what huggingface_hub ran into, and what to do."""
    from huggingface_hub import errors

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
    return f"the download broke off ({type(error).__name__}). Try again."
