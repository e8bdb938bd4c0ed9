"""Files to a repository on the Hugging Face Hub, in one commit."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from popscore.errors import PublishFailed
from popscore.foreign_text import shortened
from popscore.models.hub.client import SHA256, ClientUnusable, started

PATIENCE_S = 30.0  # huggingface_hub itself would wait for a silent Hub for ever


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What arrived.

    Attributes:
        oid: the commit to pin.
        url: of the repository's page.
        stated_sha256: what the Hub, asked again, says about the content of the file; None if it says nothing.
    """

    oid: str
    url: str
    stated_sha256: str | None


def is_repo_id(repo: str) -> bool:
    """Whether a name is OWNER/NAME as the Hub takes it. Uses no network.

    Raises:
        PublishFailed: huggingface_hub does not start.
    """
    with _client() as hub:
        try:
            hub.utils.validate_repo_id(repo)
        except hub.errors.HFValidationError:
            return False
    return repo.count("/") == 1


def upload(repo: str, files: Mapping[str, bytes], *, message: str, private: bool, ask_for: str) -> Commit:
    """Make the repository if there is none, and commit all files at once: all of them arrive, or none.

    Args:
        repo: OWNER/NAME.
        files: content by name in the repository.
        message: of the commit.
        private: make a new repository private.
        ask_for: the file whose hash the Hub is asked for afterwards.

    Raises:
        PublishFailed: there is no token, the Hub refused, or the connection broke; the message says what is there now.
    """
    with _connected(repo) as (hub, token):
        api = hub.HfApi(token=token, library_name="popscore")
        api.create_repo(repo, private=private or None, exist_ok=True)
        operations = [
            hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=content) for name, content in files.items()
        ]
        commit = str(api.create_commit(repo, operations, commit_message=message).oid)
        stated = _stated_sha256(hub, repo, ask_for, commit, token)
    return Commit(oid=commit, url=f"{api.endpoint}/{repo}", stated_sha256=stated)


def _stated_sha256(hub: ModuleType, repo: str, file: str, commit: str, token: str) -> str | None:
    try:
        etag = hub.get_hf_file_metadata(hub.hf_hub_url(repo, file, revision=commit), token=token).etag or ""
    except Exception:  # noqa: BLE001 - the commit is there; that nobody confirmed it is told, and no error
        return None
    return etag if SHA256.fullmatch(etag) else None


@contextlib.contextmanager
def _client() -> Iterator[ModuleType]:
    try:
        yield started()
    except ClientUnusable as error:
        raise PublishFailed(str(error)) from error


@contextlib.contextmanager
def _connected(repo: str) -> Iterator[tuple[ModuleType, str]]:
    """huggingface_hub, set up for one upload, and the token. Its errors become PublishFailed."""
    with _client() as hub:
        from huggingface_hub import constants, errors

    token = hub.get_token()
    if token is None:
        raise PublishFailed(
            f"Nothing was sent to {repo}: there is no token. Make one with write access in your Hub settings, "
            "then set HF_TOKEN or run: hf auth login"
        )
    # One file by plain LFS, which every Hub speaks: the same protocol as in the tests.
    constants.HF_HUB_DISABLE_XET = True
    if sys.stderr is None or not sys.stderr.isatty():
        hub.utils.disable_progress_bars()
    hub.get_session().timeout = PATIENCE_S
    try:
        yield hub, token
    # Whatever the network or huggingface_hub runs into is told with what is on the Hub now: a commit is one request.
    except Exception as error:
        reason = _reason(error, errors).replace(token, "***")
        raise PublishFailed(
            f"Publishing to {repo} failed: {reason} All files arrive or none: what the repository had is still there."
        ) from error


def _reason(error: BaseException, errors: Any) -> str:
    """Say in words what went wrong, and what to do."""
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set. Unset it, then publish again."
    if isinstance(error, errors.HFValidationError):
        return "the Hub knows no names of this form. Check --repo."
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = shortened(str(getattr(error, "server_message", None) or "")) if status else ""
    if status == 401:
        return "the Hub does not know this token (401). Check HF_TOKEN, or run: hf auth login"
    if status in (403, 404):
        return f"this token may not write there ({status}). Use one with write access to the owner, and check --repo."
    if status == 402:
        return "the Hub asks for payment (402). See the owner's billing page, or publish without --private."
    if status is not None:
        why = f", {said!r}" if said and said != "the photo" else ""
        return f"the Hub answered {status}{why}. Try again later."
    if error.__cause__ is not None and not isinstance(error, OSError):  # "Error while uploading …"
        return _reason(error.__cause__, errors)
    kind = type(error).__name__
    if "Timeout" in kind:
        return f"the Hub sent nothing for {PATIENCE_S:.0f} seconds. Check the connection, then publish again."
    if kind == "ConnectError":
        return "the Hub cannot be reached. Check the connection and HF_ENDPOINT."
    return f"the connection broke off ({kind}). Check it, then publish again; what is there already is not sent twice."
