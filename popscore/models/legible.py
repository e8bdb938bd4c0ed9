"""Text in an ONNX file that is not UTF-8.

Exporters write what they are given, a licence in Latin-1, say. onnxruntime runs such a file, but cannot hand its text
over to Python, and not even say in an error what is wrong. So a letter that cannot be read becomes a question mark, in
place, before the file is opened: no length changes, and a name stays the same wherever it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from popscore.models.wire import Wire


@dataclass(frozen=True)
class _Message:
    """Fields of a message of onnx.proto, by number: those that are text, and those that are messages."""

    texts: frozenset[int]
    parts: dict[int, _Message] = field(default_factory=dict)


def _message(*texts: int, **parts: _Message) -> _Message:
    return _Message(frozenset(texts), {int(number[1:]): part for number, part in parts.items()})


_ENTRY = _message(1, 2)  # StringStringEntryProto
_TENSOR = _message(8, 12, _13=_ENTRY, _16=_ENTRY)
_SPARSE = _message(_1=_TENSOR, _2=_TENSOR)
_SHAPE = _message(_1=_message(2, 3))
_TENSOR_TYPE = _message(_2=_SHAPE)
_TYPE = _message(6, _1=_TENSOR_TYPE, _8=_TENSOR_TYPE)
_TYPE.parts.update({number: _message(_1=_TYPE, _2=_TYPE) for number in (4, 5, 9)})  # sequence, map, optional
_VALUE = _message(1, 3, _2=_TYPE, _4=_ENTRY)
_ANNOTATION = _message(1, _2=_ENTRY)
_ATTRIBUTE = _message(1, 13, 21, _5=_TENSOR, _10=_TENSOR, _14=_TYPE, _15=_TYPE, _22=_SPARSE, _23=_SPARSE)
_NODE = _message(1, 2, 3, 4, 6, 7, 8, _5=_ATTRIBUTE, _9=_ENTRY)
_GRAPH = _message(
    2, 10, _1=_NODE, _5=_TENSOR, _11=_VALUE, _12=_VALUE, _13=_VALUE, _14=_ANNOTATION, _15=_SPARSE, _16=_ENTRY
)
_ATTRIBUTE.parts.update({6: _GRAPH, 11: _GRAPH})
_OPERATORS = _message(1)
_FUNCTION = _message(1, 4, 5, 6, 8, 10, 13, _7=_NODE, _9=_OPERATORS, _11=_ATTRIBUTE, _12=_VALUE, _14=_ENTRY)
_MODEL = _message(2, 3, 4, 6, _7=_GRAPH, _8=_OPERATORS, _14=_ENTRY, _25=_FUNCTION)


def legible(content: bytes) -> bytes:
    """The file with question marks in place of bytes that are no UTF-8; the same file if there are none.

    What is no ONNX file stays as it is: onnxruntime says what is wrong with it.
    """
    changed = bytearray(content)
    try:
        found = _change(Wire(content), 0, len(content), _MODEL, changed)
    except (ValueError, IndexError, RecursionError):
        return content
    return bytes(changed) if found else content


def _change(wire: Wire, start: int, end: int, message: _Message, changed: bytearray) -> bool:
    found = False
    for number, at, to in wire.fields(start, end):
        part = message.parts.get(number)
        if part is not None:
            found = _change(wire, at, to, part, changed) or found
        elif number in message.texts:
            text = bytes(wire.data[at:to])
            try:
                text.decode()
            except UnicodeDecodeError:
                changed[at:to] = _readable(text)
                found = True
    return found


def _readable(text: bytes) -> bytes:
    """As many bytes, and all of them UTF-8."""
    done = bytearray()
    while text:
        try:
            text.decode()
        except UnicodeDecodeError as error:
            done += text[: error.start] + b"?" * (error.end - error.start)
            text = text[error.end :]
        else:
            done += text
            text = b""
    return bytes(done)
