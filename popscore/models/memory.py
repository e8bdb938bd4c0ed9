"""The memory that all networks together may take while they run."""

import functools
import os

import onnxruntime as ort

# Where nobody says how much there is.
_USUAL_BYTES = 8_000_000_000
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def usable_bytes() -> int:
    """Memory that this process may use, which in a container is less than the machine has."""
    found = []
    try:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # no such thing here
        found.append(_USUAL_BYTES)
    for path in _CGROUP_LIMITS:
        try:
            with open(path, encoding="ascii") as file:
                found.append(int(file.read()))
        except (OSError, ValueError):  # no such limit here, or "max"
            continue
    return max(1, min(found))


@functools.cache
def bound() -> None:
    """Give onnxruntime one store of memory for all sessions, half of what this process may use.

    A model may ask for any amount, and a system that lends more than it has ends the process when it is used. Past
    the bound a run fails, as it does where the system has no more. Weights are not in it: a file bounds them itself.
    """
    store = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(store, ort.OrtArenaCfg({"max_mem": usable_bytes() // 2}))
