"""Where results go: what may be there before, what is there already, and each row once.

The files of the destination are the only record of what is done. A file appears whole, so a row is done when its file
is there. Two things could make a row appear twice: a run that was killed and whose last write comes late, and two
runs at one time. So each run takes the destination over: it writes its number into the small JSON file, and who finds
another number there writes nothing. What comes late nevertheless is found by its name, or by its ids, and is deleted.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import fs, parquet

from popscore.batch import schema, stores, tables
from popscore.batch.needs import BatchRefused
from popscore.errors import PopscoreError
from popscore.models.spec import Json, ModelInfo

_READERS = 16
_FIRST = "part-"


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A destination that a run has taken over.

    Attributes:
        where: it lies.
        run: number of the run.
        done: sorted hashes of the ids that are there.
        files: names of the files that are there.
    """

    where: stores.Place
    run: str
    done: tables.Hashes = field(default_factory=lambda: np.zeros(0, "S16"))
    files: frozenset[str] = frozenset()

    def file_name(self, number: int) -> str:
        """Of the file that a task writes; the same when the task is done again."""
        return f"{_FIRST}{self.run}-{number:07d}{schema.DATA_SUFFIX}"

    def check(self) -> None:
        """Look whether the destination is still this run's.

        Raises:
            BatchRefused: another run has taken it over.
        """
        found = _read_meta(self.where)
        if found is None or found.get(schema.META_RUN) != self.run:
            raise BatchRefused(f"Another run has taken {self.where.short} over. This one has stopped.")

    def sweep(self) -> None:
        """Delete what another run has written after this one had begun: its rows were done again."""
        for name in _data_files(self.where):
            if name not in self.files and not name.startswith(f"{_FIRST}{self.run}-"):
                stores.delete(self.where, name)


def begin(
    where: stores.Place,
    *,
    model: ModelInfo,
    options: Mapping[str, Any],
    columns: Sequence[str],
    resume: bool,
    overwrite: bool,
) -> Begun:
    """Take a destination over.

    Args:
        where: it lies.
        model: that scores.
        options: what else decides about the rows; a run that goes on must have the same.
        columns: names, in order.
        resume: go on with what is there.
        overwrite: delete the results that are there.

    Raises:
        BatchRefused: there are results already, of another model or of other options, or files of somebody else.
        ExportFailed, StoreFailed: it cannot be written.
    """
    stores.make(where)
    there, files = _read_meta(where), _data_files(where)
    if files and there is None:
        raise BatchRefused(
            f"{where.short} holds Parquet files that no batch has left there, {files[0]} for one. Name another folder."
        )
    document = _document(model, options, columns)
    if there is not None and not overwrite:
        if not resume:
            raise BatchRefused(
                f"{where.short} holds results already. Go on with them by --resume, or delete them by --overwrite."
            )
        _check_same(where, there, document)
    run = secrets.token_hex(4)
    begun = Begun(where=where, run=run)
    stores.write_whole(where, schema.META_FILE, _json({**document, schema.META_RUN: run}))
    _delete_remains(where)
    if there is None:
        return begun
    if overwrite:
        for name in files:
            stores.delete(where, name)
        return begun
    done, kept = _settled(where, _data_files(where))
    return Begun(where=where, run=run, done=done, files=frozenset(kept))


def ids_of(where: stores.Place, name: str) -> Iterator[str]:
    """The ids in a file of a destination.

    Raises:
        BatchRefused: it is no such file.
    """
    try:
        source = where.inside(name) if where.is_local else pa.BufferReader(stores.read_small(where, name) or b"")
        with parquet.ParquetFile(source) as file:
            for batch in file.iter_batches(columns=[schema.ID]):
                yield from batch.column(0).to_pylist()
    except PopscoreError:
        raise
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError):
        raise BatchRefused(
            f"{name} in {where.short} cannot be read: it is damaged. Delete it, and its rows are done again."
        ) from None


def _settled(where: stores.Place, files: Sequence[str]) -> tuple[tables.Hashes, list[str]]:
    """What is done, and in which files; a file that repeats a row of another one is deleted."""
    with ThreadPoolExecutor(_READERS) as pool:
        each = list(pool.map(lambda name: tables.hashes(ids_of(where, name)), files))
    everything = np.concatenate([np.zeros(0, "S16"), *each])
    belongs = np.repeat(np.arange(len(files)), [len(one) for one in each])
    order = np.argsort(everything, kind="stable")
    everything, belongs = everything[order], belongs[order]
    again = np.zeros(len(everything), bool)
    again[1:] = everything[1:] == everything[:-1]
    doubled = np.unique(belongs[again])
    for number in doubled:
        stores.delete(where, files[number])
    kept = [name for number, name in enumerate(files) if number not in set(doubled.tolist())]
    return everything[~np.isin(belongs, doubled)], kept


def _check_same(where: stores.Place, there: Json, document: Json) -> None:
    before, now = there.get(schema.META_MODEL, {}), document[schema.META_MODEL]
    if before.get("sha256") != now["sha256"]:
        raise BatchRefused(
            f"{where.short} holds results of another model, {before.get('name')}. Name another folder, or delete them "
            "by --overwrite."
        )
    if there.get(schema.META_VERSION) != schema.SCHEMA_VERSION:
        raise BatchRefused(f"{where.short} was written by another popscore. Name another folder.")
    for key in (schema.META_OPTIONS, schema.META_COLUMNS):
        if there.get(key) != document[key]:
            raise BatchRefused(
                f"{where.short} was begun with other {key}. Give the same ones as then: "
                f"{json.dumps(there.get(key), ensure_ascii=True)[:400]}"
            )


def _document(model: ModelInfo, options: Mapping[str, Any], columns: Sequence[str]) -> Json:
    spec = model.spec
    return {
        schema.META_VERSION: schema.SCHEMA_VERSION,
        schema.META_MODEL: {
            **model.to_json(),
            "noise": spec.likely_noise,
            "reference_population": spec.reference_population,
        },
        schema.META_OPTIONS: dict(options),
        schema.META_COLUMNS: list(columns),
    }


def _json(document: Json) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode("ascii")


def _read_meta(where: stores.Place) -> Json | None:
    content = stores.read_small(where, schema.META_FILE)
    if content is None:
        return None
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BatchRefused(f"{schema.META_FILE} in {where.short} is damaged. Name another folder.")
    return found


def _data_files(where: stores.Place) -> list[str]:
    """Names of the Parquet files, sorted."""
    names = _names(where)
    return [name for name in names if name.endswith(schema.DATA_SUFFIX) and name[0] not in "._"]


def _names(where: stores.Place) -> list[str]:
    if where.is_local:
        return sorted(path.name for path in Path(where.path).iterdir())
    system = where.file_system()
    selector = fs.FileSelector(where.path, recursive=False, allow_not_found=True)
    return sorted(one.base_name for one in stores.asked(lambda: system.get_file_info(selector), where.address))


def _delete_remains(where: stores.Place) -> None:
    """What a writer that was killed has left on the disk; nobody reads it."""
    if where.is_local:
        for path in Path(where.path).glob(".popscore-*.tmp"):
            path.unlink(missing_ok=True)
