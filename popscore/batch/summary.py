"""What came of a batch, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from popscore.models.spec import Json, ModelInfo


@dataclass(frozen=True, kw_only=True)
class BatchSummary:
    """What a run has done.

    Attributes:
        model: that scored.
        destination: as it was given.
        rows: of the source; each is at the destination once.
        done_before: rows that were there when the run began.
        written: rows that this run has written, failed ones too.
        errors: of those, rows without a score, by kind.
        seconds: wall time of the scoring, from the first pictures on.
        start_seconds: wall time before that: looking up what there is to do, starting Ray, actors and models.
        cpu_hours: CPU time of all workers for these rows.
        read_bytes, written_bytes: of pictures, and of Parquet files.
        workers: actors.
        left_out: what was left out, in a sentence, or empty.
    """

    model: ModelInfo
    destination: str
    rows: int
    done_before: int
    written: int
    errors: Mapping[str, int]
    seconds: float
    start_seconds: float
    cpu_hours: float
    read_bytes: int
    written_bytes: int
    workers: int
    left_out: str = ""

    @property
    def failed(self) -> int:
        """Rows without a score that this run has written."""
        return sum(self.errors.values())

    @property
    def rate(self) -> float:
        """Rows in a second."""
        return self.written / self.seconds if self.seconds > 0 else 0.0

    def to_json(self) -> Json:
        """The one result in the document of every door."""
        return {
            "destination": self.destination,
            "rows": self.rows,
            "done_before": self.done_before,
            "written": self.written,
            "failed": self.failed,
            "failed_by_kind": dict(self.errors),
            "seconds": round(self.seconds, 2),
            "start_seconds": round(self.start_seconds, 2),
            "rows_per_second": round(self.rate, 2),
            "cpu_hours": round(self.cpu_hours, 6),
            "read_bytes": self.read_bytes,
            "written_bytes": self.written_bytes,
            "workers": self.workers,
        }
