"""A model file from the Hugging Face Hub, or from the local cache."""

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from popscore.errors import ModelRefused, ModelUnavailable
from popscore.models.hub.client import SHA256, ClientUnusable, started

# People who wait for a page do not wait for a silent Hub: after this many seconds without a new byte popscore stops
# waiting.
PATIENCE_S = 15.0
# And after this many seconds in all: a ResNet-50 of 94 MB takes 75 s on a line of 10 Mbit/s. The download goes on.
WAIT_S = 180.0
# No download takes longer, whoever waits for it.
END_S = 1800.0

_FULL_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubFile:
    """A file of a Hub repository in the local cache, and the commit it belongs to.

    Attributes:
        tag: by which the Hub calls the content; None where it was not asked.
    """

    location: Path
    commit: str
    tag: str | None = None

    def stated_sha256(self) -> str | None:
        """The SHA-256 that the Hub states for the content.

        The cache stores a large file under it. None for a small file, and for a cache without links.
        """
        try:
            blob = self.tag or self.location.readlink().name
        except OSError:
            return None
        return blob if SHA256.fullmatch(blob) else None

    def discard(self) -> None:
        """Remove the file from the cache, so that the next start gets it anew."""
        self.location.resolve().unlink(missing_ok=True)
        self.location.unlink(missing_ok=True)


def fetch(repo: str, file: str, revision: str, *, wait_s: float = WAIT_S) -> HubFile:
    """Get one file from the Hub, or from the local cache.

    A revision that is a full commit makes no network call once it is cached. HF_ENDPOINT, HF_TOKEN,
    HF_HOME and HF_HUB_OFFLINE work as everywhere. A Hub that does not answer is given up after
    `PATIENCE_S`, and what the cache holds for the revision is used.

    Args:
        repo: OWNER/NAME.
        file: path inside the repository.
        revision: commit, tag or branch.
        wait_s: seconds to wait at most while bytes keep coming. The download goes on after that, and a later call
            takes up the waiting.

    Raises:
        ModelUnavailable: the file could not be had; the message gives the reason and the next step.
        ModelRefused: it is larger than popscore loads, and was not downloaded.
    """
    what = f"The model {file} of {repo} at {revision} could not be had"
    try:
        hub = started()
    except ClientUnusable as error:
        raise ModelUnavailable(f"{what}: {error}") from error
    if _FULL_COMMIT.fullmatch(revision) and (cached := _cached(repo, file, revision)):
        return cached
    download = _running(repo, file, revision)
    until_s = time.monotonic() + wait_s
    while not download.done.wait(timeout=0.05):
        if download.silence_s() > PATIENCE_S or time.monotonic() > until_s:
            break
    if download.answer is not None:
        return _hub_file(*download.answer, file)
    failure = download.failure
    if isinstance(failure, ModelRefused):
        raise failure
    if not isinstance(failure, hub.errors.HFValidationError | hub.errors.RevisionNotFoundError) and not isinstance(
        failure, hub.errors.RemoteEntryNotFoundError
    ):
        # Nobody answered, or not as a Hub does.
        cached = _cached(repo, file, revision)
        if cached is not None:
            return cached
    if failure is not None:
        raise ModelUnavailable(f"{what}: {_reason(failure)}") from failure
    if download.silence_s() > PATIENCE_S:
        raise ModelUnavailable(f"{what}: the Hub sent nothing for {PATIENCE_S:.0f} seconds. Try again later.")
    raise ModelUnavailable(f"{what}: it had not arrived after {wait_s:.0f} seconds. Try again later.")


def _hub_file(location: Path, tag: str | None, file: str) -> HubFile:
    # …/snapshots/<commit>/<file>
    return HubFile(location, commit=location.parents[len(Path(file).parts) - 1].name, tag=tag)


def _cached(repo: str, file: str, revision: str) -> HubFile | None:
    import huggingface_hub

    try:
        found = huggingface_hub.try_to_load_from_cache(repo, file, revision=revision)
    except ValueError:  # no names of a repository or of a file; HFValidationError is one
        return None
    return _hub_file(Path(found), None, file) if isinstance(found, str) else None


class _Download:
    """A download on a thread of its own, which nothing can stop from outside: a server may send a header for hours.

    Who does not wait for it any more leaves it behind. What it still brings goes to the cache.
    """

    def __init__(self, repo: str, file: str, revision: str) -> None:
        self.started_s = self._last_s = time.monotonic()
        self.done = threading.Event()
        self.answer: tuple[Path, str] | None = None
        self.failure: Exception | None = None
        arguments = (repo, file, revision)
        threading.Thread(target=self._work, args=arguments, name="popscore-hub", daemon=True).start()

    def silence_s(self) -> float:
        return time.monotonic() - self._last_s

    def _alive(self) -> None:
        self._last_s = time.monotonic()

    def _work(self, repo: str, file: str, revision: str) -> None:
        try:
            from popscore.models.hub.transfer import transfer

            self._alive()
            self.answer = transfer(repo, file, revision, alive=self._alive, end_s=self.started_s + END_S)
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread, which sorts it out
            self.failure = error
        finally:
            self.done.set()


_downloads: dict[tuple[str, str, str], _Download] = {}
_lock = threading.Lock()


def _running(repo: str, file: str, revision: str) -> _Download:
    """The download that goes on already, or a new one."""
    key = (repo, file, revision)
    with _lock:
        found = _downloads.get(key)
        if found is None or found.done.is_set() or time.monotonic() - found.started_s > END_S:
            found = _downloads[key] = _Download(*key)
        return found


def _reason(error: Exception) -> str:
    """Say in words for a user what huggingface_hub ran into, and what to do."""
    from huggingface_hub import errors

    from popscore.models.hub.answers import Misbehaves
    from popscore.models.hub.transfer import BrokenOff, GivenUp

    if isinstance(error, Misbehaves):
        return str(error)
    if isinstance(error, GivenUp):
        return f"it had not arrived after {END_S / 60:.0f} minutes. Try again later."
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
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set and the file is not in the cache. Unset it once to fetch the file."
    if type(error).__name__ in ("ConnectError", "ConnectTimeout"):
        return "the Hub cannot be reached. Check the connection and HF_ENDPOINT."
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, BrokenOff):
        status = error.status
    if status == 401 or status == 403:
        return f"the Hub answered {status}, access denied. Check HF_TOKEN."
    if status is not None:
        return f"the Hub answered {status}. Try again later."
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.strerror}. Check the disk and HF_HOME."
    return f"the connection broke off ({type(error).__name__}). Check it and HF_ENDPOINT, then try again."
