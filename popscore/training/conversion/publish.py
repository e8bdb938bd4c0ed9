"""Puts a model file and its card into a Hub repository, in one commit. Needs neither torch nor onnx."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from popscore.errors import InvalidSetting, ModelRefused, ModelUnavailable, PublishFailed
from popscore.files.opening import NotRegular, limited_bytes
from popscore.foreign_text import shortened
from popscore.models.hub import upload as hub_upload
from popscore.models.metadata import own_values
from popscore.models.network import MAX_MODEL_BYTES
from popscore.models.session import open_session
from popscore.training.conversion.model_card import ModelFile, model_card

MODEL_FILE = "model.onnx"


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
    repo, sha256 = publication.repo, publication.model.sha256
    commit = hub_upload.upload(
        repo,
        publication.files,
        message=f"Add {publication.model.spec.name}"[:70],
        private=publication.private,
        ask_for=MODEL_FILE,
    )
    if commit.stated_sha256 not in (None, sha256):
        raise PublishFailed(
            f"{repo} has another file than the one sent: the Hub states SHA-256 {commit.stated_sha256} for commit "
            f"{commit.oid}, not {sha256}. Do not use this commit; publish again."
        )
    return replace(publication, commit=commit.oid, url=commit.url, confirmed=commit.stated_sha256 is not None)


def _check_repo(repo: str) -> None:
    if not hub_upload.is_repo_id(repo):
        raise InvalidSetting(
            f"--repo {shortened(repo)!r} cannot be used: it must be OWNER/NAME, as in jane/popularity."
        )


def _read_model(path: Path) -> ModelFile:
    name = shortened(path.name or str(path))
    try:
        content = limited_bytes(path, MAX_MODEL_BYTES)
    except (FileNotFoundError, IsADirectoryError, NotRegular) as error:
        raise ModelUnavailable(f"There is no model file {name}. Check the path.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelUnavailable(f"The model file {name} cannot be read: {reason}. Check its permissions.") from error
    if isinstance(content, int):
        raise ModelRefused(f"{name} was refused: {content / 1e6:.0f} MB is more than popscore loads. Use --int8.")
    opened = open_session(content, file=name)
    metadata = own_values(opened.network.metadata)
    if not metadata:
        raise ModelRefused(
            f"{name} was refused: it says nothing about itself, so there is nothing to write a model card from. "
            f"Run first: python -m popscore convert {name} --out {MODEL_FILE}"
        )
    outputs = [(item.name, item.shape_text) for item in opened.network.outputs]
    return ModelFile(
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        spec=opened.spec,
        metadata=metadata,
        outputs=outputs,
    )
