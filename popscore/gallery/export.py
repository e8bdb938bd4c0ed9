"""A ranking as files for other programs: CSV, ZIP, XMP. Each appears whole or not at all.

`results` are written in their order. Where a photo's name is not where it lies, as in the app, the photos that were
ranked are given too, and a result's `index` says which of them it is.
"""

import contextlib
import csv
import io
import os
import shutil
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from popscore.errors import ExportFailed, UnreadableImage
from popscore.files.atomic import failure, replacing
from popscore.files.opening import NotRegular, limited_bytes, open_regular
from popscore.foreign_text import cell, file_name, shortened
from popscore.gallery import xmp
from popscore.photos.sources import NamedPhoto
from popscore.results import FailedPhoto, RankedPhoto, Ranking

Photos = Sequence[NamedPhoto] | None
Decision = Literal["keep", "reject"]
Decisions = Mapping[int, Decision]
"""What a person decided about photos, by their `index`; those without a decision are not in it."""
Target = str | os.PathLike[str] | BinaryIO

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


def write_csv(ranking: Ranking, target: Target, *, decisions: Decisions | None = None) -> Exported:
    """Write the results as a table: one row each, the keys of the JSON result as columns.

    UTF-8 with a byte order mark, without which Excel takes it for the old Windows encoding and spoils every
    name that is not English; Python reads it as `utf-8-sig`. Commas, CRLF, text in quotes, numbers bare.
    A name that a spreadsheet would take for a formula, and one that begins with an apostrophe, has one
    apostrophe more in front: take one away and the name is exact. Bytes of a name that are no text stay as
    they are (`errors="surrogateescape"`).

    Args:
        ranking: its `results` are the rows.
        target: path, or a binary file to write to.
        decisions: if given, a last column `decision` says keep, reject or nothing.

    Raises:
        ExportFailed: it could not be written; a file that was there before is still there.
    """
    rows = [photo.to_json() for photo in ranking.results]
    columns = list(rows[0]) if rows else list(_COLUMNS)
    if decisions is not None:
        columns.append("decision")
        rows = [
            {**row, "decision": decisions.get(photo.index)} for row, photo in zip(rows, ranking.results, strict=True)
        ]
    text = io.StringIO(newline="")
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    table.writerow(columns)
    for row in rows:
        table.writerow([_cell(row[column]) for column in columns])
    with _written(target) as file:
        file.write(b"\xef\xbb\xbf" + _as_bytes(text.getvalue()))
    return Exported(written=len(rows))


_COLUMNS = (
    *("file", "rank", "score", "percentile", "label", "color", "width", "height"),
    *("gap", "too_close", "tier", "warning"),
)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, list):  # neighbours
        value = "; ".join(str(one["id"]) for one in value)
    return cell(value) if isinstance(value, str) else "" if value is None else value


def _as_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a name of Windows, or one sent by a browser, with half a letter in it
        return text.encode("utf-8", "backslashreplace")


# --- ZIP --------------------------------------------------------------------------------------------


def write_zip(ranking: Ranking, target: Target, *, top: int | None = None, photos: Photos = None) -> Exported:
    """Write the best photos into a ZIP archive: the files as they are, called `01_name.jpg` after their ranks.

    Nothing is compressed, photos are already. The same photos give the same bytes. A photo that cannot be
    read is left out, and its number is not given to another. Of two photos that share a rank and a name, the
    second is called `01_2_name.jpg`.

    Args:
        ranking: its `results` are taken in their order.
        target: path, or a binary file to write to.
        top: how many; all by default.
        photos: those that were ranked; without them a photo lies where its name says.

    Raises:
        ExportFailed: it could not be written, or no photo could be read; a file that was there before is
            still there.
    """
    best = ranking.results[:top]
    digits = max(2, *(len(str(photo.rank)) for photo in best)) if best else 2
    used: Counter[str] = Counter()
    errors: list[FailedPhoto] = []
    with _written(target) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for photo in best:
                location = _location(photo, photos)
                try:
                    source = _opened(location, shortened(location.name))
                except UnreadableImage as error:
                    errors.append(FailedPhoto(file=photo.file, error=error))
                    continue
                name, rank = file_name(photo.file), f"{photo.rank:0{digits}}"
                used[f"{rank}_{name}"] += 1
                again = used[f"{rank}_{name}"]
                with source:
                    _store(archive, source, f"{rank}_{name}" if again == 1 else f"{rank}_{again}_{name}")
        if len(errors) == len(best):
            reason = str(errors[0].error) if errors else "There is no photo to put into it."
            raise ExportFailed(f"The ZIP was not written: no photo could be put into it. {reason}")
    return Exported(written=len(best) - len(errors), errors=tuple(errors))


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
        return open_regular(path)
    except (IsADirectoryError, NotRegular) as error:
        raise UnreadableImage(f"{name} could not be read again: it is no file any more. Check the folder.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImage(f"{name} could not be read again: {reason}. Check the file.") from error


# --- XMP --------------------------------------------------------------------------------------------


def write_xmp(ranking: Ranking, *, photos: Photos = None, decisions: Decisions | None = None) -> Exported:
    """Write star ratings into side-cars beside the photos; the photos themselves stay as they are.

    Each photo has two, `photo.jpg.xmp` and `photo.xmp`, because programs differ, see `popscore.gallery.xmp`. Where
    two photos share `photo.xmp`, it holds the rating of the better one. In a side-car that is there already
    the rating changes and nothing else; one that cannot be understood stays as it is, and is told.

    Args:
        ranking: 1 to 5 stars for each of its `results`, by percentile, see `popscore.gallery.xmp.STARS_FROM`.
        photos: those that were ranked; without them a photo lies where its name says.
        decisions: photos that are rejected here are marked so, with -1 instead of stars.
    """
    done: set[Path] = set()
    errors: list[FailedPhoto] = []
    for photo in ranking.results:
        reasons = []
        for path in xmp.sidecar_paths(_location(photo, photos)):
            if path in done:
                continue
            try:
                _rate(_location(photo, photos), _as_found(path), _rating(photo, decisions))
                done.add(path)
            except ExportFailed as error:
                reasons.append(error)
        errors.extend(FailedPhoto(file=photo.file, error=reason) for reason in reasons[:1])
    return Exported(written=len(ranking.results) - len(errors), errors=tuple(errors))


def write_xmp_zip(ranking: Ranking, target: Target, *, decisions: Decisions | None = None) -> Exported:
    """Write the side-cars of all results into one ZIP archive, to be unpacked beside the photos.

    Stars and rejections as `write_xmp`. Of two photos of the same name the second has its side-cars in a folder `2`,
    and so on.

    Raises:
        ExportFailed: it could not be written.
    """
    used: dict[str, int] = {}
    with _written(target) as file, zipfile.ZipFile(file, "w") as archive:
        for photo in ranking.results:
            name = file_name(photo.file)
            used[name] = used.get(name, 0) + 1
            folder = f"{used[name]}/" if used[name] > 1 else ""
            for path in xmp.sidecar_paths(Path(folder) / name):
                entry = zipfile.ZipInfo(path.as_posix())
                if entry.filename not in archive.NameToInfo:
                    archive.writestr(entry, xmp.new_sidecar(_rating(photo, decisions)))
    return Exported(written=len(ranking.results))


def _rating(photo: RankedPhoto, decisions: Decisions | None) -> int:
    rejected = decisions is not None and decisions.get(photo.index) == "reject"
    return xmp.REJECTED if rejected else xmp.stars(photo.percentile)


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
        before = limited_bytes(sidecar, xmp.MAX_BYTES) if sidecar.exists() else b""
        if isinstance(before, int):
            raise xmp.UnknownSidecar(f"it has more than {xmp.MAX_BYTES / 1e6:.0f} MB")
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


def _location(photo: RankedPhoto, photos: Photos) -> Path:
    return Path(photo.file) if photos is None else photos[photo.index].location


@contextlib.contextmanager
def _written(target: Target) -> Iterator[BinaryIO]:
    if isinstance(target, (str, os.PathLike)):
        with replacing(Path(target)) as file:
            yield file
    else:
        yield target
