"""What training reads of photos, read once and kept in the folder of the run.

Records lie in shards of 256, each written whole or not at all, so that a killed run goes on with the next shard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from popscore.cpus import usable_cpus
from popscore.files.atomic import make_folder, replacing

SHARD = 256

Item = TypeVar("Item")
Told = Callable[[int, int], None]
"""Is told how many of how many are done."""
Make = Callable[[Sequence[Item]], Iterable[NDArray[Any]]]


class Shards:
    """Records of one kind, on the disk."""

    def __init__(self, shards: Sequence[NDArray[Any]]) -> None:
        self._shards = shards

    def all(self, name: str) -> NDArray[Any]:
        """(N, ...) one field of all records."""
        return np.concatenate([shard[name] for shard in self._shards])

    def some(self, name: str, chosen: NDArray[np.intp]) -> NDArray[Any]:
        """(n, ...) one field of some records, in the order given."""
        return np.stack([self._shards[index // SHARD][index % SHARD][name] for index in chosen.tolist()])


def prepare(
    items: Sequence[Item], folder: Path, kind: np.dtype[Any], make: Make[Item], *, told: Told | None = None
) -> Shards:
    """Make the records of all items, but for those whose shards are there from an earlier run.

    Args:
        folder: for the shards; made where it is missing.
        kind: of a record.
        make: the records of some items, in their order; see `in_threads`.

    Raises:
        ExportFailed: a shard cannot be written.
    """
    make_folder(folder)
    shards = []
    for start in range(0, len(items), SHARD):
        part, path = items[start : start + SHARD], folder / f"{start // SHARD:05d}.npy"
        shard = _kept(path, len(part), kind)
        if shard is None:
            records = np.zeros(len(part), kind)
            for place, record in enumerate(make(part)):
                records[place] = record
            with replacing(path) as file:
                np.save(file, records)
            shard = _kept(path, len(part), kind)
        if shard is not None:
            shards.append(shard)
        if told:
            told(start + len(part), len(items))
    return Shards(shards)


@contextmanager
def in_threads(record_of: Callable[[Item], NDArray[Any]]) -> Iterator[Make[Item]]:
    """A way to make records one by one, beside each other."""
    with ThreadPoolExecutor(usable_cpus(), thread_name_prefix="popscore") as pool:
        yield lambda part: pool.map(record_of, part)


def _kept(path: Path, count: int, kind: np.dtype[Any]) -> NDArray[Any] | None:
    """A shard of an earlier run; None where there is none, or another one."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if isinstance(found, np.ndarray) and found.shape == (count,) and found.dtype == kind else None
