"""How much memory a worker may take, and does."""

import contextlib
import ctypes
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

# Besides what Python, its libraries and the model take. The largest photos that the limits allow need less than 1.2 GB.
ALLOWANCE_BYTES = 1_200_000_000


def limit(allowance_bytes: int = ALLOWANCE_BYTES) -> None:
    """Let this process take so much more address space than it has now.

    Beyond it a request for memory fails, which Python tells as MemoryError. Where the system keeps no such limit
    (Windows, macOS), or does not say what the process has, there is none.
    """
    taken = _address_space_bytes()
    if taken is not None:
        _set(taken + allowance_bytes)


@contextlib.contextmanager
def unlimited() -> Iterator[None]:
    """Load a model inside: it comes from the owner of the app, and does not count. Afterwards the limit stands anew."""
    _set(None)
    try:
        yield
    finally:
        limit()


def _set(most_bytes: int | None) -> None:
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = hard if most_bytes is None else most_bytes
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _address_space_bytes() -> int | None:
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError, ValueError):
        return None
    return pages * resource.getpagesize()


def resident_bytes(pid: int) -> int | None:
    """Memory that a process has, in bytes; None where the system does not say."""
    try:
        import resource

        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (ImportError, OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()


def give_back() -> None:
    """Let the system have the memory that this process has freed; the C library would keep some of it."""
    trim = _trimmer()
    if trim is not None:
        trim(0)


@functools.cache
def _trimmer() -> "ctypes._NamedFuncPointer | None":
    try:
        return ctypes.CDLL(None).malloc_trim if sys.platform == "linux" else None
    except (OSError, AttributeError):  # another C library
        return None
