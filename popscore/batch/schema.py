"""What a batch leaves at its destination: Parquet files and one small JSON file.

The files `*.parquet` hold one row per input row, in any order; files whose name begins with `_` or `.` are none of
them. `_popscore.json` says which model and which options made them.
"""

from typing import Final

SCHEMA_VERSION: Final = 1
META_FILE: Final = "_popscore.json"
"""Beside the Parquet files; keys: the constants `META_*`."""
DATA_SUFFIX: Final = ".parquet"

META_VERSION, META_MODEL, META_OPTIONS, META_COLUMNS = "schema_version", "model", "options", "columns"
"""Whole number; as `ModelInfo.to_json` (name, kind, source, revision, sha256, notice) with `noise` and
`reference_population`; what was asked for; names of all columns, in order."""
META_RUN = "run"
"""Changes with every run into the destination; a run whose number is no longer there writes nothing any more."""

ID, SCORE, PERCENTILE, LABEL = "id", "score", "percentile", "label"
WIDTH, HEIGHT, ERROR, MODEL_SHA256 = "width", "height", "error", "model_sha256"
EMBEDDING, SIGNATURE, FACES = "embedding", "signature", "faces"

COLUMNS: Final[dict[str, str]] = {
    ID: "string",
    SCORE: "float64",
    PERCENTILE: "float64",
    LABEL: "string",
    WIDTH: "int32",
    HEIGHT: "int32",
    ERROR: "string",  # null where there is a score, else "Kind: message", see `kind_of`
    MODEL_SHA256: "string",
}
"""Column to its Arrow type; all but `id` and `model_sha256` are null where they do not apply."""

ON_REQUEST: Final[dict[str, str]] = {
    EMBEDDING: "list<halffloat>",  # what the model sees; its length is the model's
    SIGNATURE: "binary",  # popscore.photos.similarity.signature, SIGNATURE_BYTES long
    FACES: "string",  # JSON: the list `faces` of popscore.find_faces(photo).to_json()
}
"""Further columns, behind those, in this order; then the columns of the source that were kept, under their names."""


def kind_of(error: str) -> str:
    """The kind in a cell of the column `error`: `UnreadableImage` of `UnreadableImage: a.jpg could not be read: …`."""
    return error.partition(":")[0]
