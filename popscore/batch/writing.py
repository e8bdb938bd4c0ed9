"""How Ray writes results: one file per block, whole, under a name that is the same when a task is done again."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import compute, parquet
from ray.data import Datasink

from popscore.batch import schema, stores, tables
from popscore.batch.destination import Begun


@dataclass(frozen=True)
class Written:
    """What one task has written.

    Attributes:
        rows: their number.
        errors: rows without a score, by kind.
        cpu_s: CPU seconds for the rows.
        read_bytes, written_bytes: of pictures, and of the file.
    """

    rows: int
    errors: "Counter[str]"
    cpu_s: float
    read_bytes: int
    written_bytes: int


class WholeFiles(Datasink[Written | None]):
    """Writes each bundle of blocks into a file of its own.

    Args:
        begun: the destination.
    """

    def __init__(self, begun: Begun) -> None:
        self._begun = begun
        self.written: list[Written] = []

    def write(self, blocks: Iterable[Any], ctx: Any) -> Written | None:
        """Write the blocks of a task."""
        found = [block for block in blocks if block.num_rows]
        if not found:
            return None
        table = pa.concat_tables(found)
        cpu_s = compute.sum(table.column(tables.CPU_S)).as_py()
        read_bytes = compute.sum(table.column(tables.BYTES)).as_py()
        table = table.drop_columns([tables.CPU_S, tables.BYTES])
        errors = Counter(schema.kind_of(one) for one in table.column(schema.ERROR).to_pylist() if one is not None)
        sink = pa.BufferOutputStream()
        parquet.write_table(table, sink, compression="zstd")
        content = sink.getvalue()
        name = self._begun.file_name(ctx.task_idx)
        stores.write_whole(self._begun.where, name, content, before=self._begun.check)
        return Written(table.num_rows, errors, cpu_s, read_bytes, content.size)

    def on_write_complete(self, write_result: Any) -> None:
        """Keep what the tasks have written."""
        self.written = [one for one in write_result.write_returns if one is not None]

    def get_name(self) -> str:
        """What Ray calls it."""
        return "Write"
