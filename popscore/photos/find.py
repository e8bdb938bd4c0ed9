"""From the paths that a person gives to photo files: files, folders, patterns that the shell left alone.

A file that is named is always tried. In a folder the name is only a hint: what is called like a photo is tried,
so that a broken photo is told; anything else is tried only if its first bytes are those of a photo.
"""

import errno
import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from popscore.errors import NoPhotosFound, PopscoreError, UnreadableImage
from popscore.files.kinds import HEAD_BYTES, PHOTO_SUFFIXES, RAW_SUFFIXES, photo_kind
from popscore.files.opening import head_of
from popscore.foreign_text import shortened
from popscore.results import FailedPhoto

# Thumbnails and remains that computers put beside photos.
_FOLDERS_OF_COPIES = frozenset({"@eadir", "__macosx", "$recycle.bin", "lost+found", "system volume information"})
_NUMBER_OR_LETTER = re.compile(r"\d{1,100}|.", re.DOTALL)


@dataclass(kw_only=True)
class FoundPhotos:
    """What the paths led to.

    Attributes:
        photos: paths to try, in the order of the arguments and naturally sorted within each; as the person
            would write them, so `folder` leads to `folder/2.jpg`, then `folder/10.jpg`.
        errors: paths that lead nowhere, and why.
        skipped: files in folders that are no photos, or of a kind that popscore does not read.
        hidden: hidden files and folders inside folders; they were not looked into.
        repeated: paths that lead to a photo that was already there.
    """

    photos: list[str] = field(default_factory=list)
    errors: list[FailedPhoto] = field(default_factory=list)
    skipped: int = 0
    hidden: int = 0
    repeated: int = 0

    def left_out(self) -> str:
        """What was left out, in one sentence; empty if nothing was."""
        counts = (
            (self.skipped, "file that is not a photo", "files that are not photos"),
            (self.hidden, "hidden", "hidden"),
            (self.repeated, "named twice", "named twice"),
        )
        parts = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
        return f"Left out: {', '.join(parts)}." if parts else ""


def find_photos(paths: Iterable[str | os.PathLike[str]]) -> FoundPhotos:
    """Find the photos that the paths lead to. Nothing is decoded.

    Args:
        paths: photo files, folders (searched with all they hold) and patterns such as `holiday/*.jpg` that
            the shell did not expand.

    Returns:
        The photos, and beside them what failed and what was left out. A file that vanishes or cannot be read
        shows itself when it is scored.
    """
    return _Search().run(paths)


class _Search:
    def __init__(self) -> None:
        self._found = FoundPhotos()
        # A photo that is reached by two ways is scored once: device, inode and name. Two names of one
        # file, in one folder, are two photos: which of them to leave out would be a guess.
        self._photos: set[tuple[int, int, str]] = set()
        self._folders: set[tuple[int, int]] = set()
        # A pattern is meant for what lies below it; a folder that is named is searched wherever its links lead.
        self._pattern = False

    def run(self, paths: Iterable[str | os.PathLike[str]]) -> FoundPhotos:
        for given in paths:
            path = os.fspath(given)
            try:
                expanded = list(_expanded(path))
            except PopscoreError as error:
                self._fail(path, error)
                continue
            self._pattern = expanded != [path]
            for match in expanded:
                self._take(match)
        return self._found

    def _take(self, path: str) -> None:
        found = _stat(path)
        if self._pattern and (_leads_nowhere(path) or (found and _leads_back(path))):
            self._found.repeated += 1
            return
        if found is None or not stat.S_ISDIR(found.st_mode):
            self._add(path, found)
            return
        photos, errors, seen = len(self._found.photos), len(self._found.errors), self._found.repeated
        others = self._found.skipped + self._found.hidden
        self._search_folder(path, found)
        nothing = (photos, errors, seen) == (
            len(self._found.photos),
            len(self._found.errors),
            self._found.repeated,
        )
        if nothing:
            others = self._found.skipped + self._found.hidden - others
            what = f"it is empty of photos; {others} other files or folders were left out" if others else "it is empty"
            self._fail(path, NoPhotosFound(f"There are no photos in {shortened(path)}: {what}. Name another folder."))

    def _search_folder(self, top: str, found: os.stat_result) -> None:
        waiting = [(top, found)]
        while waiting:
            folder, found = waiting.pop()
            if (found.st_dev, found.st_ino) in self._folders:  # named twice, or a link that leads back
                self._found.repeated += 1
                continue
            self._folders.add((found.st_dev, found.st_ino))
            try:
                with os.scandir(folder) as entries:
                    inside = sorted(entries, key=lambda entry: natural_key(entry.name))
            except OSError as error:
                self._fail(folder, _unreadable_folder(folder, error))
                continue
            subfolders = [sub for entry in inside if (sub := self._enter(entry)) is not None]
            waiting.extend(reversed(subfolders))

    def _enter(self, entry: os.DirEntry[str]) -> tuple[str, os.stat_result] | None:
        """Take a file of a folder; a folder is handed back."""
        if entry.name.startswith(".") or entry.name.lower() in _FOLDERS_OF_COPIES:
            self._found.hidden += 1
            return None
        found = _stat(entry.path)
        if found is not None and stat.S_ISDIR(found.st_mode):
            if self._pattern and _leads_back(entry.path):
                self._found.repeated += 1
                return None
            return entry.path, found
        if _is_worth_trying(entry, found) and (found is not None or not _leads_nowhere(entry.path)):
            self._add(entry.path, found)
        else:
            self._found.skipped += 1
        return None

    def _add(self, path: str, found: os.stat_result | None) -> None:
        if found is not None:
            # Not path.name of pathlib: 1,000 of them cost more than the search.
            identity = (found.st_dev, found.st_ino, path.rpartition(os.sep)[2])
            if identity in self._photos:
                self._found.repeated += 1
                return
            self._photos.add(identity)
        self._found.photos.append(path)

    def _fail(self, path: str, error: PopscoreError) -> None:
        self._found.errors.append(FailedPhoto(file=path, error=error))


def natural_key(name: str) -> tuple[tuple[tuple[int, int | str], ...], str]:
    """Sorts as people do: 2.jpg before 10.jpg, a.jpg before a2.jpg, whatever the case."""
    # Marks such as the full stop come before numbers, letters after them.
    parts = _NUMBER_OR_LETTER.findall(name.casefold())
    return tuple((1, int(part)) if part.isdecimal() else (0 if part < "0" else 2, part) for part in parts), name


def _expanded(path: str) -> Iterator[str]:
    """The path itself, or what it matches if it is a pattern and no file."""
    if not glob.has_magic(path) or _lexists(path):
        yield path
        return
    # Path.glob would drop a leading "./", and the path is shown as the person gave it.
    matches = sorted(_matches(path), key=natural_key)
    if not matches:
        raise NoPhotosFound(f"No file matches {shortened(path)}. Check the pattern.")
    yield from matches


def _matches(pattern: str) -> Iterator[str]:
    """As `glob.iglob`, but each folder is looked into once: glob follows links that lead back for ever."""
    parts = pattern.split("/")
    if "**" not in parts:
        yield from glob.iglob(pattern)  # noqa: PTH207
        return
    at = parts.index("**")
    before, behind = "/".join(parts[:at]), parts[at + 1 :]
    while behind and behind[0] in ("**", ""):
        del behind[0]
    if at == 1 and not before:
        before = "/"
    seen: set[tuple[int, int]] = set()
    for base in glob.iglob(before) if before else [""]:  # noqa: PTH207
        if not behind:
            yield base or "."  # searched with all it holds
            continue
        for folder in _folders(base, seen):
            yield from _matches(os.path.join(glob.escape(folder), *behind))  # noqa: PTH118


def _folders(base: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """A folder and all below it that are not hidden, each once."""
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        found = _stat(folder or ".")
        if found is None or not stat.S_ISDIR(found.st_mode) or (found.st_dev, found.st_ino) in seen:
            continue
        seen.add((found.st_dev, found.st_ino))
        yield folder
        try:
            with os.scandir(folder or ".") as entries:
                shown = [entry for entry in entries if not entry.name.startswith(".")]
                names = [one.name for one in shown if one.is_symlink() or one.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        inside = [os.path.join(folder, name) for name in sorted(names, key=natural_key)]  # noqa: PTH118
        waiting += [path for path in reversed(inside) if not _leads_back(path)]


def _leads_back(path: str) -> bool:
    """Whether it is a link to a folder that it lies in."""
    if not os.path.islink(path):  # noqa: PTH114  a Path per file costs more than the search
        return False
    target, place = os.path.realpath(path), os.path.realpath(os.path.dirname(path) or ".")  # noqa: PTH120
    return os.path.commonpath((target, place)) == target


def _leads_nowhere(path: str) -> bool:
    """Whether it is a link that leads to itself."""
    try:
        os.stat(path)  # noqa: PTH116  as above
    except OSError as error:
        return error.errno == errno.ELOOP
    except ValueError:
        return False
    return False


def _is_worth_trying(entry: os.DirEntry[str], found: os.stat_result | None) -> bool:
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122  a Path per file costs more than the search
    if found is not None and not stat.S_ISREG(found.st_mode):
        return False
    if suffix in PHOTO_SUFFIXES:
        return True
    return found is not None and suffix not in RAW_SUFFIXES and _begins_like_a_photo(entry.path)


def _begins_like_a_photo(path: str) -> bool:
    try:
        return photo_kind(head_of(path, HEAD_BYTES)) is not None
    except OSError:
        return False  # not called like a photo, and nothing says that it is one


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116  as above
    except (OSError, ValueError):  # gone, out of reach, or a path with a NUL: told when it is scored
        return None


def _lexists(path: str) -> bool:
    return os.path.lexists(path)


def _unreadable_folder(folder: str, error: OSError) -> UnreadableImage:
    reason = error.strerror or type(error).__name__
    return UnreadableImage(
        f"The folder {shortened(folder)} could not be read: {reason}. Check its permissions, or name its photos."
    )
