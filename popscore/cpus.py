"""How many photos and frames may be worked on beside each other, and how."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Items handed to the workers and not yet given out, per worker: a slow one does not stop the others at once.
_AHEAD = 2


def usable_cpus() -> int:
    """CPUs that this process may use, which in a container is fewer than the machine has."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such limit here, or "max"
        return max(1, allowed)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], *, workers: int | None = None) -> Generator[Result]:
    """Work on items, some beside each other, and give the results in the items' order, as they become ready.

    Memory does not grow with the number of items. Closing the generator stops the work, and waits for what is being
    worked on, one item per worker. What `work` raises is raised in its item's turn.

    Args:
        work: what is done with an item, in a thread of its own.
        items: any number; taken from the iterable only as fast as they are worked on.
        workers: items in work at one time; by default one per CPU that the process may use.
    """
    count = workers or usable_cpus()
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="popscore") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > _AHEAD * count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
