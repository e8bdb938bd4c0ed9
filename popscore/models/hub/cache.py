"""The cache of huggingface_hub, as its documentation describes it ("Understand caching").

models--OWNER--NAME/blobs/TAG holds the content, snapshots/COMMIT/FILE is a link to it, refs/REVISION holds the commit.
What is written here, `try_to_load_from_cache` and every other program that uses the cache finds.
"""

import contextlib
import os
import time
import uuid
from pathlib import Path

from huggingface_hub import constants

from popscore.models.hub.client import SHA256

# A part whose last byte came longer ago has nobody who writes it: a connection that sends nothing is given up before.
_ABANDONED_S = 60.0


class Place:
    """Where one file of a repository lies. All names were checked before; the paths stay below `root` all the same.

    Args:
        repo: OWNER/NAME.
        commit, tag: see `answers.Stated`.
        file: path inside the repository.
    """

    def __init__(self, repo: str, commit: str, tag: str, file: str) -> None:
        self.root = Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
        self._tag = tag
        self.blob = self._below("blobs", tag)
        self.snapshot = self._below("snapshots", commit, *file.split("/"))
        self._commit = commit

    def _below(self, *parts: str) -> Path:
        path = Path(os.path.normpath(self.root.joinpath(*parts)))
        if Path(os.path.normpath(self.root / parts[0])) not in path.parents:
            raise ValueError(f"{'/'.join(parts)[:80]!r} leads out of the cache")
        return path

    def new_part(self) -> Path:
        """A file of its own for what arrives, with what an earlier process left of the same content, if it did."""
        self.blob.parent.mkdir(parents=True, exist_ok=True)
        part = self.blob.with_name(f"{self._tag}.{uuid.uuid4().hex[:8]}.incomplete")
        for left in self.blob.parent.glob("*.incomplete"):
            with contextlib.suppress(OSError):  # another process was faster
                if time.time() - left.stat().st_mtime < _ABANDONED_S:
                    continue
                # Gone on with only where the whole is compared with its SHA-256 in the end.
                if not part.exists() and SHA256.fullmatch(self._tag) and left.name.startswith(f"{self._tag}."):
                    left.rename(part)
                else:
                    left.unlink()
        return part

    def store(self, part: Path, revision: str) -> Path:
        """Make the finished part the content of the file, and the commit that of the revision.

        Returns:
            Where the file is found.
        """
        part.replace(self.blob)
        return self.link(revision)

    def link(self, revision: str) -> Path:
        """Let the file of this commit be the blob, which is there."""
        self.snapshot.parent.mkdir(parents=True, exist_ok=True)
        if not self.snapshot.exists():
            self.snapshot.unlink(missing_ok=True)  # a link to a blob that is gone
            try:
                if constants.HF_HUB_DISABLE_SYMLINKS:
                    raise NotImplementedError
                self.snapshot.symlink_to(os.path.relpath(self.blob, self.snapshot.parent))
            except FileExistsError:  # another process was faster
                pass
            except (OSError, NotImplementedError):  # no links here: the content itself takes their place
                self.blob.replace(self.snapshot)
        if revision != self._commit:
            reference = self._below("refs", *revision.split("/"))
            reference.parent.mkdir(parents=True, exist_ok=True)
            if not reference.is_file() or reference.read_text(encoding="utf-8") != self._commit:
                new = reference.with_name(f"{reference.name}.{uuid.uuid4().hex[:8]}")
                new.write_text(self._commit, encoding="utf-8")
                new.replace(reference)
        return self.snapshot
