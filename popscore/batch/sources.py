"""What a batch begins with: a folder, a prefix of a store, or Parquet with a column that leads to pictures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import dataset as arrow_dataset
from pyarrow import fs

from popscore.batch import schema, stores, tables
from popscore.batch.needs import BatchRefused
from popscore.errors import NoPhotosFound
from popscore.files.kinds import PHOTO_SUFFIXES
from popscore.foreign_text import shortened
from popscore.photos.find import find_photos

PARQUET_SUFFIXES = (".parquet", ".pq")
# Rows whose hashes and addresses are made at one time.
_AT_ONCE = 8192


@dataclass(frozen=True, kw_only=True)
class Source:
    """What there is to do.

    Attributes:
        total: rows of the source.
        left: rows that are not done.
        addresses: those that are not done, as Arrow's strings; None for Parquet.
        files: of Parquet, paths of their file system.
        system: that file system.
        column, id_column: of Parquet: what leads to the pictures, and what the rows are called.
        is_bytes: that column holds the pictures themselves.
        kept: fields of Parquet's columns that go into the result.
        left_out: what was left out, in a sentence, or empty.
    """

    total: int
    left: int
    addresses: Any = None
    files: Sequence[str] = ()
    system: Any = None
    column: str = ""
    id_column: str = ""
    is_bytes: bool = False
    kept: Sequence[Any] = ()
    left_out: str = ""


def is_parquet(address: str, column: str | None) -> bool:
    """Whether a source is taken as Parquet: by its suffix, or because a column of it was named."""
    return column is not None or address.lower().endswith(PARQUET_SUFFIXES)


# --- pictures by their place ----------------------------------------------------------------------------


def listed(where: stores.Place, done: tables.Hashes) -> Source:
    """The pictures of a folder or under a prefix; the id of a picture is its path, as given, or its address.

    Raises:
        NoPhotosFound, StoreFailed: there are none, or they cannot be listed.
    """
    left_out = ""
    if where.is_local:
        found = find_photos([where.address])
        if not found.photos:
            raise found.errors[0].error if found.errors else NoPhotosFound(f"There are no photos in {where.short}.")
        left_out = found.left_out()
        ids: Iterable[str] = found.photos
        parts = [pa.array(part, pa.string()) for part in _parts(ids)]
    else:
        parts, others = _objects(where)
        if others:
            left_out = f"Left out: {_others(others)}."
    total = sum(len(part) for part in parts)
    parts = [part.filter(pa.array(~tables.are_in(tables.hashes(part.to_pylist()), done))) for part in parts]
    left = pa.concat_arrays(parts)
    return Source(total=total, left=len(left), addresses=left, left_out=left_out)


def blocks(source: Source, workers: int) -> Iterator[Any]:
    """Tables of ids, and of the places they lead to, for pictures by their place.

    Args:
        source: with `addresses`.
        workers: that will share them.
    """
    size = rows_per_block(source.left, workers)
    for start in range(0, source.left, size):
        ids = source.addresses.slice(start, size).to_pylist()
        places = [one if one.startswith(stores.S3) else stores.place(one).path for one in ids]
        yield pa.table({schema.ID: pa.array(ids, pa.string()), tables.WHERE: pa.array(places, pa.string())})


def rows_per_block(rows: int, workers: int) -> int:
    """Rows that are lost when a worker is, that are written into one file, and that are told as one step.

    At 25 ms a picture 2,048 take 51 s. The last blocks keep only some workers busy: 32 blocks for each worker make
    that less than 3 % of the run.
    """
    return max(16, min(2048, rows // (32 * max(1, workers))))


def _objects(where: stores.Place) -> tuple[list[Any], int]:
    """Addresses of what may be pictures, and how many other objects there are."""
    others = 0

    def photos() -> Iterator[str]:
        nonlocal others
        for info in _found(where):
            suffix = PurePosixPath(info.base_name).suffix.lower()
            if info.size == 0 and info.base_name.endswith("/"):
                continue
            if suffix in PHOTO_SUFFIXES or not suffix:  # many stores hold pictures under names without one
                yield stores.S3 + info.path
            else:
                others += 1

    parts = [pa.array(part, pa.string()) for part in _parts(photos())]
    if not parts:
        what = f", only {_others(others)}" if others else ": it is empty"
        raise NoPhotosFound(f"There are no photos in {where.short}{what}. Name another prefix, or Parquet.")
    return parts, others


def _others(count: int) -> str:
    one = "1 object that is not called like a photo"
    return one if count == 1 else f"{count} objects that are not called like photos"


def _found(where: stores.Place) -> Iterator[Any]:
    try:
        yield from stores.files_below(where)
    except FileNotFoundError:
        raise NoPhotosFound(f"There is nothing in {where.short}. Check the prefix.") from None


def _parts(names: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while part := list(islice(rest, _AT_ONCE)):
        yield part


# --- Parquet --------------------------------------------------------------------------------------------


def table(
    where: stores.Place, done: tables.Hashes, *, column: str | None, id_column: str | None, keep: Sequence[str]
) -> Source:
    """The rows of Parquet files.

    Raises:
        BatchRefused: no such file, no such column, or two rows with one id.
    """
    system = where.file_system(patient=True)
    files = _parquet_files(where, system)
    try:
        found = arrow_dataset.dataset(files, filesystem=system, format="parquet")
    except (pa.ArrowInvalid, OSError):
        raise BatchRefused(f"{where.short} could not be read: it is no Parquet, or damaged.") from None
    fields = {one.name: one for one in found.schema}
    column = _chosen(where, fields, column)
    id_column = id_column or column
    for name in (column, id_column, *keep):
        _check_column(where, fields, name)
    taken = [*schema.COLUMNS, *schema.ON_REQUEST]
    if clash := [name for name in keep if name in taken]:
        raise BatchRefused(f"The column {clash[0]} cannot be kept: the results have one of that name.")
    kind = fields[column].type
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if is_bytes and id_column == column:
        raise BatchRefused(
            f"The column {column} of {where.short} holds bytes. Say by --id which column names the rows."
        )
    total, left = _counted(where, found, id_column, done)
    return Source(
        total=total,
        left=left,
        files=files,
        system=system,
        column=column,
        id_column=id_column,
        is_bytes=is_bytes,
        kept=[fields[name] for name in keep],
    )


def _parquet_files(where: stores.Place, system: Any) -> list[str]:
    info = stores.asked(lambda: system.get_file_info(where.path), where.address, tries=where.tries)
    if info.type == fs.FileType.File:
        return [where.path]
    if info.type == fs.FileType.NotFound and where.is_local:
        raise BatchRefused(f"{where.short} could not be read: there is no such file. Check the path.")
    try:
        files = [one.path for one in stores.files_below(where) if one.path.lower().endswith(PARQUET_SUFFIXES)]
    except FileNotFoundError:
        files = []
    if not files:
        raise BatchRefused(f"There are no Parquet files in {where.short}. Name a file, or the folder they lie in.")
    return files


def _chosen(where: stores.Place, fields: dict[str, Any], column: str | None) -> str:
    """The column named, or the only one that can lead to pictures."""
    if column is not None:
        return column
    if len(fields) == 1:
        return next(iter(fields))
    raise BatchRefused(f"Say by --column which column of {where.short} leads to the pictures: {_listed(fields)}.")


def _check_column(where: stores.Place, fields: dict[str, Any], name: str) -> None:
    if name not in fields:
        raise BatchRefused(
            f"There is no column {shortened(name)} in {where.short}. Its columns: {_listed(fields)}. Name one of them."
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(shortened(name) for name in islice(names, 40))


def _counted(where: stores.Place, found: Any, id_column: str, done: tables.Hashes) -> tuple[int, int]:
    """Rows, and rows that are not done. Keeps 16 bytes for each row."""
    parts = []
    for batch in found.to_batches(columns=[id_column]):
        ids = as_ids(batch.column(0))
        if ids.null_count:
            raise BatchRefused(
                f"A row of {where.short} has no {shortened(id_column)}. Say by --id what names the rows."
            )
        parts.append(tables.hashes(ids.to_pylist()))
    everything = np.concatenate([np.zeros(0, "S16"), *parts])
    if not len(everything):
        raise NoPhotosFound(f"There are no rows in {where.short}. Name another file.")
    order = np.argsort(everything, kind="stable")
    in_order = everything[order]
    again = np.flatnonzero(in_order[1:] == in_order[:-1]) + 1
    if len(again):
        twice = as_ids(found.take([int(order[again].min())], columns=[id_column]).column(0).combine_chunks())[0].as_py()
        raise BatchRefused(
            f"Two rows of {where.short} have one id: {len(again)} rows repeat another one, {shortened(twice)} is the "
            "first. Remove them, or say by --id which column names the rows."
        )
    return len(everything), int((~tables.are_in(in_order, done)).sum())


def as_ids(column: Any) -> Any:
    """A column as text."""
    return column if column.type == pa.string() else column.cast(pa.string())
