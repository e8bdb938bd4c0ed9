"""The fields of a protobuf message, which is what an ONNX file is, without a library that only `convert` needs."""

from collections.abc import Iterator
from typing import Final

# A ResNet-50 has 2,000 fields that are looked at, the embedded model 5,000; one takes about 2 µs.
_MAX_FIELDS = 500_000
# How the value of a field is written. Source: the encoding of Protocol Buffers, "message structure".
_VARINT: Final = 0
_64_BITS: Final = 1
_LENGTH: Final = 2
_32_BITS: Final = 5


class Wire:
    """A message of any kind. What is no message, or has too many fields to look at, raises ValueError or IndexError.

    Attributes:
        data: the whole file. Weights are stepped over, never copied.
    """

    def __init__(self, content: bytes | bytearray) -> None:
        self.data, self._left = memoryview(content), _MAX_FIELDS

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Number, begin and end of each field that has a length."""
        while start < end:
            self._spend()
            key, start = self._number(start)
            kind = key & 7
            if kind == _VARINT:
                _, start = self._number(start)
            elif kind == _64_BITS:
                start += 8
            elif kind == _32_BITS:
                start += 4
            elif kind == _LENGTH:
                length, start = self._number(start)
                if start + length > end:
                    raise ValueError
                yield key >> 3, start, start + length
                start += length
            else:
                raise ValueError

    def numbers(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Number and value of each field that is one whole number, or has 32 bits."""
        while start < end:
            self._spend()
            key, start = self._number(start)
            kind = key & 7
            if kind == _VARINT:
                value, start = self._number(start)
                yield key >> 3, value
            elif kind == _32_BITS:
                yield key >> 3, int.from_bytes(self.data[start : start + 4], "little")
                start += 4
            elif kind == _64_BITS:
                start += 8
            elif kind == _LENGTH:
                length, start = self._number(start)
                start += length
            else:
                raise ValueError

    def integers(self, start: int, end: int, wanted: int) -> list[int]:
        """The 64-bit numbers of all fields of this number, whether each has a field of its own or not."""
        found = [value for number, value in self.numbers(start, end) if number == wanted]
        for number, at, to in self.fields(start, end):
            while number == wanted and at < to:
                self._spend()
                value, at = self._number(at)
                found.append(value)
        return [value - (1 << 64) if value >> 63 & 1 else value for value in found]

    def text(self, start: int, end: int, wanted: int) -> bytes:
        """The first field of this number as it stands there; nothing if there is none."""
        return next((bytes(self.data[at:to]) for number, at, to in self.fields(start, end) if number == wanted), b"")

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError

    def _number(self, start: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self.data[start]
            start += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, start
            shift += 7
            if shift > 63:
                raise ValueError


def field(number: int, value: bytes | str | int) -> bytes:
    """A field of a message as bytes: a message or a text with its length, or a whole number of at least 0."""
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _LENGTH) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits in a byte, the lowest ones first; all but the last byte have the highest bit set."""
    done = bytearray()
    while value >= 0x80:
        done.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*done, value))
