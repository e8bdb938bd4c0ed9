"""Puts a model file and its card into a Hub repository, in one commit. Needs neither torch nor onnx."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from popscore.errors import InvalidSetting, ModelRefused, ModelUnavailable
from popscore.models.session import open_session
from popscore.photos.sources import shortened
from popscore.training.conversion.model_card import ModelFile, metadata_of, model_card
from popscore.training.errors import PublishFailed

MODEL_FILE = "model.onnx"
MAX_BYTES = 1_000_000_000  # what popscore loads
PATIENCE_S = 30.0  # huggingface_hub itself would wait for a silent Hub for ever
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What goes to the Hub, or went there.

    Attributes:
        files: content by name in the repository.
        commit: the commit to pin; None after a dry run.
        confirmed: whether the Hub, asked again, stated the SHA-256 that was sent.
    """

    repo: str
    private: bool
    model: ModelFile
    files: dict[str, bytes]
    commit: str | None = None
    url: str | None = None
    confirmed: bool = False

    def settings(self) -> dict[str, str]:
        """The environment of an app that answers with this very file."""
        return {
            "POPSCORE_MODEL_REPO": self.repo,
            "POPSCORE_MODEL_REVISION": self.commit or "main",
            "POPSCORE_MODEL_SHA256": self.model.sha256,
        }

    def preload_line(self) -> str:
        """The line of a Space's front matter that puts the model into its image."""
        return f'preload_from_hub: ["{self.repo} {MODEL_FILE} {self.commit or "main"}"]'


def prepare(path: Path, repo: str, *, private: bool = False) -> Publication:
    """Check the model and write its card. Uses no network.

    Raises:
        InvalidSetting: `repo` is not OWNER/NAME.
        ModelUnavailable: there is no such file.
        ModelRefused: it is not a scorer, or has no metadata to write a card from.
    """
    _check_repo(repo)
    model = _read_model(path)
    card = model_card(model, repo).encode()
    checksum = f"{model.sha256}  {MODEL_FILE}\n".encode()
    files = {MODEL_FILE: model.content, "README.md": card, "SHA256SUMS": checksum}
    return Publication(repo=repo, private=private, model=model, files=files)


def upload(publication: Publication) -> Publication:
    """Make the repository if there is none, and commit all files at once: all of them arrive, or none.

    Returns:
        The same, with the commit.

    Raises:
        PublishFailed: there is no token, the Hub refused, or the connection broke; the message says what is there now.
    """
    repo = publication.repo
    with _hub(repo) as (hub, token):
        api = hub.HfApi(token=token, library_name="popscore")
        api.create_repo(repo, private=publication.private or None, exist_ok=True)
        operations = [
            hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
            for name, content in publication.files.items()
        ]
        commit = str(api.create_commit(repo, operations, commit_message=f"Add {publication.model.spec.name}"[:70]).oid)
        stated = _stated_sha256(hub, repo, commit, token)
    if stated not in (None, publication.model.sha256):
        raise PublishFailed(
            f"{repo} has another file than the one sent: the Hub states SHA-256 {stated} for commit {commit}, "
            f"not {publication.model.sha256}. Do not use this commit; publish again."
        )
    return replace(publication, commit=commit, url=f"{api.endpoint}/{repo}", confirmed=stated is not None)


def _stated_sha256(hub: Any, repo: str, commit: str, token: str) -> str | None:
    """The SHA-256 that the Hub states for the published file; None if it states none, or does not answer."""
    try:
        etag = hub.get_hf_file_metadata(hub.hf_hub_url(repo, MODEL_FILE, revision=commit), token=token).etag or ""
    except Exception:  # noqa: BLE001 - the commit is there; that nobody confirmed it is told, and no error
        return None
    return etag if _SHA256.fullmatch(etag) else None


def _check_repo(repo: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repo)
        right = repo.count("/") == 1
    except HFValidationError:
        right = False
    if not right:
        raise InvalidSetting(
            f"--repo {shortened(repo)!r} cannot be used: it must be OWNER/NAME, as in jane/popularity."
        )


def _read_model(path: Path) -> ModelFile:
    name = shortened(path.name or str(path))
    try:
        size_bytes = path.stat().st_size if path.is_file() else None
        if size_bytes is None:
            raise ModelUnavailable(f"There is no model file {name}. Check the path.")
        if size_bytes > MAX_BYTES:
            raise ModelRefused(
                f"{name} was refused: {size_bytes / 1e6:.0f} MB is more than popscore loads. Use --int8."
            )
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, (ModelUnavailable, ModelRefused)):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelUnavailable(f"The model file {name} cannot be read: {reason}. Check its permissions.") from error
    opened = open_session(content, file=name)
    metadata = metadata_of(opened.session.get_modelmeta().custom_metadata_map)
    if not metadata:
        raise ModelRefused(
            f"{name} was refused: it says nothing about itself, so there is nothing to write a model card from. "
            f"Run first: python -m popscore convert {name} --out {MODEL_FILE}"
        )
    outputs = [
        (item.name, "[" + ", ".join(str(length) if isinstance(length, int) else "N" for length in item.shape) + "]")
        for item in opened.session.get_outputs()
    ]
    return ModelFile(
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        spec=opened.spec,
        metadata=metadata,
        outputs=outputs,
    )


@contextlib.contextmanager
def _hub(repo: str) -> Iterator[tuple[Any, str]]:
    """huggingface_hub, set up for one upload, and the token. Its errors become PublishFailed."""
    try:
        import huggingface_hub
        from huggingface_hub import constants, errors
        from huggingface_hub.utils._http import get_session
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except (ImportError, ValueError) as error:
        raise PublishFailed(f"huggingface_hub does not start ({error}). Check the HF_* variables.") from error

    token = huggingface_hub.get_token()
    if token is None:
        raise PublishFailed(
            f"Nothing was sent to {repo}: there is no token. Make one with write access in your Hub settings, "
            "then set HF_TOKEN or run: hf auth login"
        )
    # One file by plain LFS, which every Hub speaks: the same protocol as in the tests.
    constants.HF_HUB_DISABLE_XET = True
    constants.HF_HUB_DISABLE_TELEMETRY = True
    if "HF_HUB_VERBOSITY" not in os.environ:
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if sys.stderr is None or not sys.stderr.isatty():
        disable_progress_bars()
    get_session().timeout = PATIENCE_S
    try:
        yield huggingface_hub, token
    except PublishFailed:
        raise
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
