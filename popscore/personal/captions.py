"""Captions as numbers that can be compared, and from which the text cannot be read again.

Character n-grams of each word, hashed: they know no language, need no list of words, and see `sunset` in `sunsets`.
"""

from __future__ import annotations

import re
import unicodedata
import zlib

import numpy as np
import numpy.typing as npt

BUCKETS = 1024
_LENGTHS = (3, 4, 5)
_WORDS = re.compile(r"\w+|[^\w\s]")
# Of a caption with 10,000 letters the first words say what it is about.
_MOST_WORDS = 500

Floats = npt.NDArray[np.float32]


def caption_vector(text: str) -> Floats | None:
    """(1024,) of length 1, all at least 0; None for a text without a letter.

    Counts of n-grams of 3 to 5 letters with the ends of words, each as its square root: a word said twice counts less
    than two words.
    """
    flat = unicodedata.normalize("NFKC", text).casefold()
    found = np.zeros(BUCKETS, np.float32)
    for word in _WORDS.findall(flat)[:_MOST_WORDS]:
        marked = f"<{word}>".encode() if word.isascii() else f"<{word}>".encode("utf-32-le", "surrogatepass")
        step = 1 if word.isascii() else 4  # bytes of a letter
        letters = len(marked) // step
        for length in _LENGTHS:
            for start in range(max(1, letters - length + 1)):
                part = marked[start * step : (start + length) * step]
                found[zlib.crc32(part) % BUCKETS] += 1
    total = float(found.sum())
    return np.sqrt(found / np.float32(total)) if total else None


def packed_caption(text: str) -> bytes | None:
    """A caption as it stands in a bank, a byte for each bucket; None where there is no text."""
    vector = caption_vector(text) if text else None
    if vector is None:
        return None
    return bytes(np.rint(vector * (255 / vector.max())).astype(np.uint8))


def unpacked_captions(cells: npt.NDArray[np.uint8]) -> Floats:
    """(M, 1024) of length 1, from bytes; those of zeros stay zeros."""
    wide = cells.astype(np.float32)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9), np.float32)
