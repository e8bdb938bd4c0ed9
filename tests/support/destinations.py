"""What a batch leaves at its destination, made without one."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popscore import scale
from popscore.batch import schema

SHA = "d7" * 32


@dataclass(frozen=True)
class Line:
    """A row of a destination."""

    id: str
    score: float | None
    user: Any = "ann"
    signature: bytes | None = None
    sha256: str = SHA


def write(folder: Path, lines: list[Line], *, files: int = 2, meta: bool = True, **more: Any) -> Path:
    """A destination as a batch leaves it; `more` are further columns, or None for those that are left out."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        part = lines[number::files]
        scores = [line.score for line in part]
        usable = [score if score is not None and math.isfinite(score) else 0.0 for score in scores]
        columns: dict[str, Any] = {
            schema.ID: pa.array([line.id for line in part], pa.string()),
            schema.SCORE: pa.array(scores, pa.float64()),
            schema.PERCENTILE: [scale.percentile(score, mean=3, std=1.5) for score in usable],
            schema.LABEL: [scale.band(score).label for score in usable],
            schema.WIDTH: pa.array([400] * len(part), pa.int32()),
            schema.HEIGHT: pa.array([300] * len(part), pa.int32()),
            schema.ERROR: pa.array([None if line.score is not None else "UnreadableImage: x" for line in part]),
            schema.MODEL_SHA256: pa.array([line.sha256 for line in part], pa.string()),
            schema.SIGNATURE: pa.array([line.signature for line in part], pa.binary()),
            "user": [line.user for line in part],
        }
        columns |= {name: value[number::files] for name, value in more.items() if value is not None}
        table = pa.table({name: value for name, value in columns.items() if more.get(name, value) is not None})
        parquet.write_table(table, folder / f"part-{number}.parquet")
    if meta:
        model = {"name": "tiny", "kind": "appeal", "source": "file", "sha256": SHA, "noise": 0.25}
        document = {schema.META_VERSION: 1, schema.META_MODEL: model}
        (folder / schema.META_FILE).write_text(json.dumps(document), encoding="utf-8")
    return folder
