"""The fields of a protobuf message, which is what an ONNX file is, without a library that only `convert` needs."""

from collections.abc import Iterator

# A ResNet-50 has 2,000 fields that are looked at, the embedded model 5,000; one takes about 2 µs.
_MAX_FIELDS = 500_000


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
            self._left -= 1
            if self._left < 0:
                raise ValueError
            key, start = self._number(start)
            kind = key & 7
            if kind == 0:
                _, start = self._number(start)
            elif kind == 1:
                start += 8
            elif kind == 5:
                start += 4
            elif kind == 2:
                length, start = self._number(start)
                if start + length > end:
                    raise ValueError
                yield key >> 3, start, start + length
                start += length
            else:
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
