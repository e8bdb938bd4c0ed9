"""The tables of a batch: what goes in, what comes out, and ids in few bytes."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from popscore.batch import schema
from popscore.batch.looking import Wanted

# Of the tables between source and destination; nobody's own column is called so.
WHERE, CONTENT, CPU_S, BYTES = "_popscore_where", "_popscore_content", "_popscore_cpu_s", "_popscore_bytes"

Hashes = npt.NDArray[np.bytes_]
"""(N,) of 16 bytes: that two of 10^9 ids have one hash happens in one of 10^20 batches."""

_TYPES: dict[str, Any] = {
    "string": pa.string(),
    "float64": pa.float64(),
    "int32": pa.int32(),
    "binary": pa.binary(),
    "list<halffloat>": pa.list_(pa.float16()),
}


def output_schema(wanted: Wanted, kept: Iterable[Any] = ()) -> Any:
    """Columns and types of what a batch writes.

    Args:
        wanted: which columns were asked for.
        kept: Arrow fields of the columns kept from the source.
    """
    asked = {schema.EMBEDDING: wanted.embedding, schema.SIGNATURE: wanted.signature, schema.FACES: wanted.faces}
    names = schema.COLUMNS | {name: kind for name, kind in schema.ON_REQUEST.items() if asked[name]}
    return pa.schema([pa.field(name, _TYPES[kind]) for name, kind in names.items()] + list(kept))


def hashes(ids: Iterable[str]) -> Hashes:
    """The hash of each id: 16 bytes of BLAKE2b."""
    digests = b"".join(hashlib.blake2b(one.encode("utf-8", "surrogatepass"), digest_size=16).digest() for one in ids)
    return np.frombuffer(digests, dtype="S16")


def are_in(some: Hashes, sorted_all: Hashes) -> npt.NDArray[np.bool_]:
    """(N,) which of some hashes are among others that are sorted."""
    if not len(sorted_all):
        return np.zeros(len(some), bool)
    places = np.searchsorted(sorted_all, some)
    places[places == len(sorted_all)] = 0
    return np.asarray(sorted_all[places] == some)
