"""Several iterators beside each other, each in a thread of its own."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeVar

from popscore.video.decoding.video import Stop

Item = TypeVar("Item")

# What lies between the threads and whoever takes the items, at most. A frame of 4K has 12 to 25 MB.
_WAITING = 2
# So often is `stop` asked while no item comes.
_ASK_EACH_S = 0.1


class _Ended:
    """Put behind the last item of an iterator."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


def beside(makers: Sequence[Callable[[Stop], Iterator[Item]]], stop: Stop) -> Generator[Item]:
    """The items of all iterators, as they come.

    The first iterator begins alone; the others follow once it has given an item, or has ended. Closing the
    generator ends the threads, and waits for them.

    Args:
        makers: each makes an iterator, in its own thread; it is given a question that answers True once its
            items are no longer wanted.
        stop: asked often, in the thread of the caller; once it answers True no more items come.

    Raises:
        Exception: what one of the iterators raised; the others are ended before.
    """
    items: queue.Queue[Item | _Ended] = queue.Queue(_WAITING)
    over = threading.Event()

    def give(item: Item | _Ended) -> None:
        while not over.is_set():
            try:
                items.put(item, timeout=_ASK_EACH_S)
            except queue.Full:
                continue
            return

    def work(make: Callable[[Stop], Iterator[Item]]) -> None:
        error = None
        try:
            for item in make(over.is_set):
                give(item)
        except Exception as raised:  # noqa: BLE001  raised again in the caller's thread
            error = raised
        give(_Ended(error))

    threads = [threading.Thread(target=work, args=(make,), name="popscore-video", daemon=True) for make in makers]
    waiting = list(threads)
    running = 0
    try:
        waiting.pop(0).start()
        running += 1
        while running and not stop():
            try:
                item = items.get(timeout=_ASK_EACH_S)
            except queue.Empty:
                continue
            running += len(waiting)
            while waiting:
                waiting.pop().start()
            if not isinstance(item, _Ended):
                yield item
            elif item.error:
                raise item.error
            else:
                running -= 1
    finally:
        over.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
