"""Looks through the pickle of a PyTorch file before torch reads it, and refuses what would take for ever.

`torch.load(weights_only=True)` runs no code of a file, but it does what the file says: a key of nested pairs, each
twice the one before, is hashed for years, and takes 260 bytes; `bytearray(10**11)` and `torch.Tensor(10**10)` are
allowed, and storages of any size. Here the few operations that torch knows are followed without being done, on plain
values, and what weights need is let through. An operation that torch refuses itself ends the look: torch stops at the
same one.
"""

from __future__ import annotations

import math
import pickletools
import re
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

# A ResNet-50 with the state of its optimizer has 20,000 operations; 10^5 take 0.2 s.
_MAX_OPERATIONS = 300_000
MAX_PICKLE_BYTES = 10_000_000
_MAX_PARTS, _MAX_DEPTH = 1000, 20
_MAX_KEY = 2**31  # whole numbers below are hashed as themselves, so that no two of them fall together

_ITEM_BYTES = {"Double": 8, "Long": 8, "ComplexFloat": 8, "ComplexDouble": 16, "Float": 4, "Int": 4, "QInt32": 4}
_ITEM_BYTES |= {"Half": 2, "BFloat16": 2, "Short": 2}
_HARMLESS = re.compile(r"(torch|collections|builtins|_codecs)\.[\w.]+", re.ASCII)
_TENSORS = {f"torch._utils._rebuild_tensor{version}" for version in ("", "_v2", "_v3")}
_CONTAINERS = {"collections.OrderedDict", "collections.Counter", "builtins.set", "torch.Size"}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": lambda: _Entries(),
    "EMPTY_SET": lambda: _Made("builtins.set"),
}
_FIXED = {"NONE": None, "NEWFALSE": False, "NEWTRUE": True}
_PLAIN = {"BININT", "BININT1", "BININT2", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING", "LONG1"}


class TooMuch(Exception):
    """Reading the pickle would take too much; the message says of what, to follow "it holds"."""


class Foreign(Exception):
    """The pickle asks for something that is no weight; the message is its name."""


@dataclass(frozen=True)
class _Named:
    """A function or class, by name."""

    name: str


@dataclass(frozen=True, eq=False)
class _Made:
    """What a function made.

    Attributes:
        by: its name.
        numbers: of a storage, or of a tensor that has them all in its storage; None for anything else.
    """

    by: str
    numbers: int | None = None


class _Entries(list[Any]):
    """Keys and values of a dictionary, one after the other."""


def look_through(content: bytes, *, data_bytes: int, pickles: int = 1) -> None:
    """Follow pickles that lie one after the other.

    Args:
        content: begins with the first one.
        data_bytes: numbers that the file holds; its storages cannot be larger together.
        pickles: how many there are.

    Raises:
        TooMuch, Foreign: see there.
        ValueError, IndexError, KeyError, TypeError, AttributeError: it is damaged.
    """
    machine = _Machine(data_bytes)
    at = 0
    for _ in range(pickles):
        end = machine.follow(content[at : at + MAX_PICKLE_BYTES])
        if end is None:
            return
        at += end


class _Machine:
    def __init__(self, data_bytes: int) -> None:
        self._data_bytes, self._operations = data_bytes, 0
        self._storages: dict[str, int] = {}
        self._total_bytes = 0
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def follow(self, content: bytes) -> int | None:
        """The length of the pickle, or None where torch will stop before its end."""
        self._stack, self._marks, self._memo = [], [], {}
        for operation, argument, at in pickletools.genops(content):
            self._operations += 1
            if self._operations > _MAX_OPERATIONS:
                raise TooMuch(f"more than {_MAX_OPERATIONS} operations")
            name = operation.name
            if name == "STOP":
                return int(at or 0) + 1
            if name in self._STEPS:
                self._STEPS[name](self, argument)
            elif name in _EMPTY:
                self._stack.append(_EMPTY[name]())
            elif name in _FIXED:
                self._stack.append(_FIXED[name])
            elif name in _PLAIN:
                self._stack.append(argument)
            elif name != "PROTO":
                return None
        raise ValueError("the pickle has no end")

    def _pop_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _mark(self, _: Any) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        if (module, name) in NAME_MAPPING:  # as Python 2 called them; torch does the same
            module, name = NAME_MAPPING[module, name]
        else:
            module = IMPORT_MAPPING.get(module, module)
        if not _HARMLESS.fullmatch(f"{module}.{name}"):
            raise Foreign(f"{module}.{name}")
        self._stack.append(_Named(f"{module}.{name}"))

    def _tuple(self, count: int | None) -> None:
        if count is None:
            items = self._pop_mark()
        else:
            if len(self._stack) < count:
                raise IndexError
            items = self._stack[-count:]
            del self._stack[-count:]
        self._stack.append(tuple(items))

    def _append(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise TypeError
        self._stack[-1].extend(items)

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, _Entries) and not (isinstance(target, _Made) and target.by in _CONTAINERS):
            raise TypeError
        for key in items[::2]:
            # Anything else could take for ever to be hashed, or be made to fall together with others.
            if not isinstance(key, str) and not (isinstance(key, int) and abs(key) < _MAX_KEY):
                raise TooMuch("a dictionary whose keys are no names")
        if isinstance(target, _Entries):
            target.extend(items)

    def _set_one(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def _storage(self, _: Any) -> None:
        """A storage, by kind, name and number of its items."""
        kind, what, key, _place, count, *_view = self._stack.pop()
        if kind != "storage" or not isinstance(what, _Named) or not isinstance(key, str) or type(count) is not int:
            raise ValueError
        _bounded(_view)
        of_kind = what.name.rpartition(".")[2].removesuffix("Storage")
        size = count * _ITEM_BYTES.get(of_kind, 1)
        before = self._storages.get(key, 0)
        self._storages[key] = max(size, before)
        self._total_bytes += self._storages[key] - before
        if count < 0 or self._total_bytes > self._data_bytes:
            raise ValueError("the storages are larger than the file")
        self._stack.append(_Made("storage", count))

    def _call(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, _Named) or type(arguments) is not tuple:
            raise TypeError
        name, numbers = function.name, None
        if name == "collections.OrderedDict" and len(arguments) == 1 and type(arguments[0]) is list:
            # As Python 2 writes it: with all names and values in pairs.
            self._stack.append(_Made(name))
            for pair in arguments[0]:
                if type(pair) not in (list, tuple):
                    raise TypeError
                key, value = pair
                self._set([key, value])
            return
        _bounded(arguments)
        if name in _TENSORS:
            numbers = _tensor(*arguments[:4])
        elif name == "torch._utils._rebuild_sparse_tensor":
            parts = [part for part in arguments[1] if isinstance(part, _Made) and part.by in _TENSORS]
            if any(part.numbers is None for part in parts):
                raise TooMuch("a sparse tensor that repeats its numbers")
        elif name in ("torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter"):
            if not isinstance(arguments[0], _Made) or arguments[0].by not in _TENSORS:
                raise TypeError
        elif name in _CONTAINERS:
            if any(isinstance(part, _Made) for part in _parts(arguments)):
                raise TypeError
        elif name == "_codecs.encode":
            if not isinstance(arguments[0], str) or arguments[1:] != ("latin1",):
                raise Foreign(name)
        elif name == "torch.serialization._get_layout" or name == "torch.device" or name == "builtins.complex":
            if not all(isinstance(part, (str, float, int)) for part in arguments):
                raise TypeError
        else:
            raise Foreign(name)
        self._stack.append(_Made(name, numbers))

    def _build(self, _: Any) -> None:
        """Attributes, which the dictionary of a network's weights has."""
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, _Made) or target.by != "collections.OrderedDict" or not isinstance(state, _Entries):
            raise Foreign(target.by if isinstance(target, _Made) else type(target).__name__)

    _STEPS: ClassVar[dict[str, Callable[[_Machine, Any], None]]] = {
        "GLOBAL": _global,
        "MARK": _mark,
        "TUPLE": _tuple,
        "TUPLE1": lambda self, _: self._tuple(1),
        "TUPLE2": lambda self, _: self._tuple(2),
        "TUPLE3": lambda self, _: self._tuple(3),
        "APPEND": lambda self, _: self._append([self._stack.pop()]),
        "APPENDS": lambda self, _: self._append(self._pop_mark()),
        "SETITEM": _set_one,
        "SETITEMS": lambda self, _: self._set(self._pop_mark()),
        "BINPERSID": _storage,
        "REDUCE": _call,
        "NEWOBJ": _call,
        "BUILD": _build,
        "BINGET": lambda self, number: self._stack.append(self._memo[number]),
        "LONG_BINGET": lambda self, number: self._stack.append(self._memo[number]),
        "BINPUT": lambda self, number: self._memo.__setitem__(number, self._stack[-1]),
        "LONG_BINPUT": lambda self, number: self._memo.__setitem__(number, self._stack[-1]),
    }


def _tensor(storage: Any, offset: Any, size: Any, strides: Any) -> int | None:
    """Numbers of a tensor; None if it repeats those of its storage."""
    if not isinstance(storage, _Made) or storage.by != "storage" or storage.numbers is None:
        raise TypeError
    if not (type(size) is type(strides) is tuple) or len(size) != len(strides):
        raise TypeError
    if any(type(number) is not int or not 0 <= number < 2**62 for number in (offset, *size, *strides)):
        raise ValueError
    count = math.prod(size)
    last = offset + sum((length - 1) * stride for length, stride in zip(size, strides, strict=True))
    if count >= 2**62 or (count and last >= storage.numbers):  # torch would make the storage larger
        raise TooMuch("a tensor that is larger than its storage")
    return count if count <= storage.numbers else None


def _bounded(value: Any) -> None:
    for _ in _parts(value):
        pass


def _parts(value: Any) -> Iterator[Any]:
    """All that a value holds, as often as it holds it.

    Raises:
        TooMuch: there are too many, or they lie too deep.
    """
    pending, count = [(value, 0)], 0
    while pending:
        item, depth = pending.pop()
        yield item
        if isinstance(item, (tuple, list)):
            count += len(item)
            if count > _MAX_PARTS or depth > _MAX_DEPTH:
                raise TooMuch("values that lie too deep inside each other")
            pending.extend((part, depth + 1) for part in item)
