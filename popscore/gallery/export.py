"""A ranking as files for other programs: CSV, ZIP, XMP. Each appears whole or not at all.

`results` are written in their order. Where a photo's name is not where it lies, as in the app, `locate` tells
where it lies.
"""

import contextlib
import csv
import io
import os
import re
import shutil
import stat
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from popscore.errors import ExportFailed, UnreadableImage
from popscore.files.atomic import failure, replacing
from popscore.gallery import xmp
from popscore.photos.sources import shortened
from popscore.results import FailedPhoto, RankedPhoto, Ranking

Locate = Callable[[RankedPhoto], Path]
Target = str | os.PathLike[str] | BinaryIO

# What a spreadsheet takes for a formula, also after blanks and in the wide letters of East Asia, and an
# apostrophe, so that the one that is put in front can always be told from one that was there.
_FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@＝＋－＠]|[\t\r\n']")  # noqa: RUF001
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
_MAX_NAME = 120  # letters, so at most 480 bytes of UTF-8; file systems allow 255 letters or bytes
_MAX_NAME_BYTES = 200
_ZIP_YEARS = (1980, 2107)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export did.

    Attributes:
        written: how many photos are in the file, or have their side-cars.
        errors: photos that were left out, and why.
    """

    written: int
    errors: Sequence[FailedPhoto] = ()


# --- CSV --------------------------------------------------------------------------------------------


def write_csv(ranking: Ranking, target: Target) -> Exported:
    """Write the results as a table: one row each, the keys of the JSON result as columns.

    UTF-8 with a byte order mark, without which Excel takes it for the old Windows encoding and spoils every
    name that is not English; Python reads it as `utf-8-sig`. Commas, CRLF, text in quotes, numbers bare.
    A name that a spreadsheet would take for a formula, and one that begins with an apostrophe, has one
    apostrophe more in front: take one away and the name is exact. Bytes of a name that are no text stay as
    they are (`errors="surrogateescape"`).

    Raises:
        ExportFailed: it could not be written; a file that was there before is still there.
    """
    rows = [photo.to_json() for photo in ranking.results]
    columns = list(rows[0]) if rows else _COLUMNS
    text = io.StringIO(newline="")
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    table.writerow(columns)
    for row in rows:
        table.writerow([_cell(row[column]) for column in columns])
    with _written(target) as file:
        file.write(b"\xef\xbb\xbf" + _as_bytes(text.getvalue()))
    return Exported(written=len(rows))


_COLUMNS = ["file", "rank", "score", "percentile", "label", "color", "width", "height", "gap", "too_close"]


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return "" if value is None else value


def _as_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a name of Windows, or one sent by a browser, with half a letter in it
        return text.encode("utf-8", "backslashreplace")


# --- ZIP --------------------------------------------------------------------------------------------


def write_zip(ranking: Ranking, target: Target, *, top: int | None = None, locate: Locate | None = None) -> Exported:
    """Write the best photos into a ZIP archive: the files as they are, numbered `01_name.jpg`.

    Nothing is compressed, photos are already. The same photos give the same bytes. A photo that cannot be
    read is left out, and its number is not given to another.

    Args:
        ranking: its `results` are taken in their order.
        target: path, or a binary file to write to.
        top: how many; all by default.
        locate: where a photo lies; where its name says, by default.

    Raises:
        ExportFailed: it could not be written, or no photo could be read; a file that was there before is
            still there.
    """
    photos = ranking.results[:top]
    digits = max(2, len(str(len(photos))))
    errors: list[FailedPhoto] = []
    with _written(target) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for number, photo in enumerate(photos, start=1):
                location = _location(photo, locate)
                try:
                    source = _opened(location, shortened(location.name))
                except UnreadableImage as error:
                    errors.append(FailedPhoto(file=photo.file, error=error))
                    continue
                with source:
                    _store(archive, source, f"{number:0{digits}}_{safe_name(photo.file)}")
        if len(errors) == len(photos):
            reason = str(errors[0].error) if errors else "There is no photo to put into it."
            raise ExportFailed(f"The ZIP was not written: no photo could be put into it. {reason}")
    return Exported(written=len(photos) - len(errors), errors=tuple(errors))


def safe_name(file: str) -> str:
    """The last part of a path as a file name that every system takes, and that leads nowhere else."""
    # Windows' rules know both kinds of slash; what came from Windows may be unpacked elsewhere.
    name = _NOT_IN_A_NAME.sub("_", PureWindowsPath(file.replace(":", "_")).name).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, suffix = name, ""
    kept = stem[:_MAX_NAME].encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
    return f"{kept}{'.' + suffix if suffix else ''}" if kept else "photo"


def _store(archive: zipfile.ZipFile, source: BinaryIO, name: str) -> None:
    found = os.fstat(source.fileno())
    # In UTC, so that the archive does not depend on where it is made.
    modified = time.gmtime(max(found.st_mtime, 0))
    year = min(max(modified.tm_year, _ZIP_YEARS[0]), _ZIP_YEARS[1])
    entry = zipfile.ZipInfo(name, date_time=(year, *modified[1:6]))
    entry.compress_type = zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    with archive.open(entry, "w", force_zip64=found.st_size >= 2**31) as file:
        shutil.copyfileobj(source, file, 1 << 20)


def _opened(path: Path, name: str) -> BinaryIO:
    try:
        # Non-blocking, because a named pipe would otherwise wait for a writer, for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImage(f"{name} could not be read again: {reason}. Check the file.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableImage(f"{name} could not be read again: it is no file any more. Check the folder.")
    return os.fdopen(descriptor, "rb")


# --- XMP --------------------------------------------------------------------------------------------


def write_xmp(ranking: Ranking, *, locate: Locate | None = None) -> Exported:
    """Write star ratings into side-cars beside the photos; the photos themselves stay as they are.

    Each photo has two, `photo.jpg.xmp` and `photo.xmp`, because programs differ, see `popscore.gallery.xmp`. Where
    two photos share `photo.xmp`, it holds the rating of the better one. In a side-car that is there already
    the rating changes and nothing else; one that cannot be understood stays as it is, and is told.

    Args:
        ranking: 1 to 5 stars for each of its `results`, by percentile, see `popscore.gallery.xmp.STARS_FROM`.
        locate: where a photo lies; where its name says, by default.
    """
    done: set[Path] = set()
    errors: list[FailedPhoto] = []
    for photo in ranking.results:
        reasons = []
        for path in xmp.sidecar_paths(_location(photo, locate)):
            if path in done:
                continue
            try:
                _rate(_location(photo, locate), _as_found(path), xmp.stars(photo.percentile))
                done.add(path)
            except ExportFailed as error:
                reasons.append(error)
        errors.extend(FailedPhoto(file=photo.file, error=reason) for reason in reasons[:1])
    return Exported(written=len(ranking.results) - len(errors), errors=tuple(errors))


def write_xmp_zip(ranking: Ranking, target: Target) -> Exported:
    """Write the side-cars of all results into one ZIP archive, to be unpacked beside the photos.

    Of two photos of the same name the second has its side-cars in a folder `2`, and so on.

    Raises:
        ExportFailed: it could not be written.
    """
    used: dict[str, int] = {}
    with _written(target) as file, zipfile.ZipFile(file, "w") as archive:
        for photo in ranking.results:
            name = safe_name(photo.file)
            used[name] = used.get(name, 0) + 1
            folder = f"{used[name]}/" if used[name] > 1 else ""
            for path in xmp.sidecar_paths(Path(folder) / name):
                entry = zipfile.ZipInfo(path.as_posix())
                if entry.filename not in archive.NameToInfo:
                    archive.writestr(entry, xmp.new_sidecar(xmp.stars(photo.percentile)))
    return Exported(written=len(ranking.results))


def _as_found(sidecar: Path) -> Path:
    """The side-car under the name that it has: some programs write `.XMP`."""
    upper = sidecar.with_suffix(".XMP")
    try:
        return upper if not sidecar.exists() and upper.exists() else sidecar
    except (OSError, ValueError):  # told when it is written
        return sidecar


def _rate(photo: Path, sidecar: Path, rating: int) -> None:
    name = shortened(sidecar.name)
    try:
        if not photo.is_file():
            raise ExportFailed(f"{name} was not written: there is no photo {shortened(photo.name)} any more.")
        before = sidecar.read_bytes() if sidecar.exists() else b""
        after = xmp.with_rating(before, rating) if before.strip() else xmp.new_sidecar(rating)
    except xmp.UnknownSidecar as error:
        raise ExportFailed(f"{name} was left as it is: {error}. Mend it with the program that wrote it.") from error
    except ExportFailed:
        raise
    except (OSError, ValueError) as error:
        raise failure(name, error) from error
    if after != before:
        with replacing(sidecar) as file:
            file.write(after)


# --- targets ----------------------------------------------------------------------------------------


def _location(photo: RankedPhoto, locate: Locate | None) -> Path:
    return locate(photo) if locate else Path(photo.file)


@contextlib.contextmanager
def _written(target: Target) -> Iterator[BinaryIO]:
    if isinstance(target, (str, os.PathLike)):
        with replacing(Path(target)) as file:
            yield file
    else:
        yield target
