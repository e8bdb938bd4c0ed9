"""A destination of a batch, opened for questions in SQL: checked, in little memory, without the network but its store.

DuckDB answers, because it keeps to a limit of memory and puts on the disk what does not fit. On 10 million rows with
signatures, top 2,000: 3 s of CPU and 200 MB; polars took as long and 270 MB. The top 3 of each of 84,000 users took
polars 3.5 GB.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from popscore.batch import schema
from popscore.batch.needs import INSTALL, BatchMissing, BatchRefused
from popscore.errors import PopscoreError
from popscore.foreign_text import shortened
from popscore.models.spec import Json

_MEMORY, _THREADS = "400MB", 2
_MAX_META_BYTES = 1_000_000
_MAX_WORD = 200
_NEEDED = (
    schema.ID,
    schema.SCORE,
    schema.PERCENTILE,
    schema.LABEL,
    schema.WIDTH,
    schema.HEIGHT,
    schema.MODEL_SHA256,
)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A destination that can be asked.

    Attributes:
        name: what messages call it.
        connection: of DuckDB, with a view `found`: all rows, all columns.
        columns: names, in order.
        types: their Arrow types, as text.
        model: name, kind, source, revision, sha256 and notice, as `ModelInfo.to_json`.
        noise: score difference up to which the order of two rows is not to be trusted; None where that is not known.
    """

    name: str
    connection: Any
    columns: Sequence[str]
    types: dict[str, str]
    model: Json
    noise: float | None = None

    def ask(self, query: str, values: Sequence[object] = ()) -> Any:
        """The connection, after a question; rows come by `fetchall` and `fetchmany`."""
        return self.connection.execute(query, list(values))

    def column(self, name: str) -> str:
        """A column for a query: quoted, so that no name is taken for anything but a name.

        Raises:
            BatchRefused: there is no such column, or another one whose name differs in case only.
        """
        if name not in self.columns:
            there = ", ".join(shortened(one) for one in self.columns[:40])
            raise BatchRefused(f"{self.name} has no column {shortened(name)}. There are: {there}.")
        if sum(one.casefold() == name.casefold() for one in self.columns) > 1:
            raise BatchRefused(
                f"{self.name} has two columns {shortened(name)}, which at most differ in case. Rename one of them."
            )
        return f'"{name.replace(chr(34), 2 * chr(34))}"'


def check_installed() -> None:
    """Raises BatchMissing where DuckDB or pyarrow is not installed, with the line that installs them."""
    missing = [name for name in ("duckdb", "pyarrow") if find_spec(name) is None]
    if missing:
        raise BatchMissing(f"batch-top needs {' and '.join(missing)}, which is not installed. Install with: {INSTALL}")


@contextmanager
def opened(destination: str | os.PathLike[str]) -> Iterator[Finished]:
    """Open the results of a batch.

    Args:
        destination: a folder, or s3://BUCKET/PREFIX.

    Raises:
        BatchMissing: DuckDB or pyarrow is not installed.
        BatchRefused: there is nothing, or it is not what a batch leaves: a file is damaged, lacks columns, or comes
            from a newer popscore.
        StoreFailed: the store does not answer.
    """
    check_installed()
    import duckdb
    import pyarrow

    from popscore.batch import stores

    where = stores.place(destination)
    names = _data_files(where)
    model, noise = _model(where)
    spill = tempfile.mkdtemp(prefix="popscore-top-")
    connection = duckdb.connect(
        config={
            "memory_limit": _MEMORY,
            "threads": _THREADS,
            "temp_directory": spill,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
        }
    )
    try:
        columns, types = _columns(where, names[0])
        _view(connection, where, names)
        yield Finished(name=where.short, connection=connection, columns=columns, types=types, model=model, noise=noise)
    except PopscoreError:
        raise
    except (duckdb.Error, pyarrow.ArrowException, OSError) as error:
        raise _why(where, names, error) from None
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def _data_files(where: Any) -> list[str]:
    """Paths of the Parquet files."""
    from pyarrow import fs

    from popscore.batch import stores

    system = where.file_system()
    if where.is_local and not Path(where.path).is_dir():
        raise BatchRefused(f"There is no folder {where.short}. Name the destination of a batch.")
    selector = fs.FileSelector(where.path, recursive=False)
    try:
        found = stores.asked(lambda: system.get_file_info(selector), where.address, tries=where.tries)
    except FileNotFoundError:
        found = []
    names = [
        one.path
        for one in found
        if one.type == fs.FileType.File and one.base_name.endswith(schema.DATA_SUFFIX) and one.base_name[0] not in "._"
    ]
    if not names:
        raise BatchRefused(f"{where.short} holds no Parquet files. Name the destination of a batch.")
    return sorted(names)


def _model(where: Any) -> tuple[Json, float | None]:
    """What the small JSON file says about the model, and its noise."""
    from popscore.batch import stores

    system, path = where.file_system(), where.inside(schema.META_FILE)

    def read() -> bytes:
        with system.open_input_file(path) as file:
            return bytes(file.read(_MAX_META_BYTES + 1))

    unknown: Json = dict.fromkeys(("name", "kind", "source", "revision", "sha256", "notice"))
    try:
        content = stores.asked(read, f"{where.address}/{schema.META_FILE}", tries=where.tries)
    except FileNotFoundError:
        notice = f"{where.short} has no {schema.META_FILE}: nothing but the hash of the model is known."
        return {**unknown, "notice": notice}, None
    try:
        document = json.loads(content)
        version = document[schema.META_VERSION]
        known = document[schema.META_MODEL]
        model = {key: _word(known.get(key)) for key in unknown}
        noise = known.get("noise")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise BatchRefused(
            f"{schema.META_FILE} in {where.short} is damaged. Delete it to go on without the name of the model."
        ) from None
    if not isinstance(version, int) or not 0 < version <= schema.SCHEMA_VERSION:
        raise BatchRefused(f"{where.short} was written by a newer popscore. Install that one.")
    known_noise = isinstance(noise, (int, float)) and 0 <= noise < 1e9
    return model, float(noise) if known_noise else None


def _word(value: object) -> str | None:
    return value[:_MAX_WORD] if isinstance(value, str) else None


def _columns(where: Any, path: str) -> tuple[list[str], dict[str, str]]:
    """Columns of one file, in order, and their types."""
    from pyarrow import parquet

    with where.file_system().open_input_file(path) as file:
        found = parquet.read_schema(file)
    types = {name: str(kind) for name, kind in zip(found.names, found.types, strict=True)}
    missing = [name for name in _NEEDED if name not in types]
    if missing:
        there = ", ".join(shortened(name) for name in list(types)[:40])
        raise BatchRefused(
            f"{shortened(Path(path).name)} in {where.short} has no column {', '.join(missing)}. There are: {there}. "
            "Name the destination of a batch."
        )
    if types[schema.SCORE] not in ("double", "float"):
        raise BatchRefused(f"{where.short} has scores that are no numbers, but {shortened(types[schema.SCORE])}.")
    return list(found.names), types


def _view(connection: Any, where: Any, names: Sequence[str]) -> None:
    """Make the view `found`."""
    if where.is_local:
        # Not from the path: a folder called user=3 would be taken for a column. Marks of patterns stand for themselves.
        plain = [name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]") for name in names]
        connection.read_parquet(plain, hive_partitioning=False).create_view("found")
        return
    from pyarrow import dataset

    # DuckDB's own way to a store is an extension, which it would have to download.
    system = where.file_system(patient=True)
    connection.register("found", dataset.dataset(list(names), filesystem=system, format="parquet"))


def _why(where: Any, names: Sequence[str], error: Exception) -> BatchRefused:
    """What is wrong with a destination that could not be asked, by the file where it is wrong."""
    import pyarrow
    from pyarrow import parquet

    wanted: dict[str, str] | None = None
    for path in names:
        name = shortened(Path(path).name)
        try:
            with where.file_system().open_input_file(path) as stream, parquet.ParquetFile(stream) as file:
                found = file.schema_arrow
                types = {key: str(kind) for key, kind in zip(found.names, found.types, strict=True)}
                wanted = wanted or types
                if types == wanted and where.is_local:
                    for _ in file.iter_batches(batch_size=20_000):
                        pass
        except (pyarrow.ArrowException, OSError, ValueError):
            return BatchRefused(
                f"{name} in {where.short} cannot be read: it is damaged. Delete it, and have its rows done again: "
                "batch … --resume."
            )
        if types != wanted:
            other = next(key for key in {**wanted, **types} if types.get(key) != wanted.get(key))
            return BatchRefused(
                f"{name} in {where.short} has other columns than the files before it: {shortened(other)} is "
                f"{shortened(types.get(other, 'missing'))} there, {shortened(wanted.get(other, 'missing'))} before."
            )
    reason = shortened((str(error).splitlines() or [type(error).__name__])[0])
    return BatchRefused(f"{where.short} could not be read: {reason}. Check the disk, and the memory that is left.")
