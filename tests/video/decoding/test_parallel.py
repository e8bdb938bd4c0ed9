"""Iterators beside each other: all items, errors, and nothing left running."""

import threading
from collections.abc import Callable, Iterator

import pytest

from popscore.video.decoding.parallel import beside

Maker = Callable[[Callable[[], bool]], Iterator[int]]


def numbers(*values: int) -> Maker:
    return lambda _stop: iter(values)


def endless(stop: Callable[[], bool]) -> Iterator[int]:
    while not stop():
        yield 0


def broken(_stop: Callable[[], bool]) -> Iterator[int]:
    yield 1
    raise ValueError("broken")


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())  # an app of another test may still run
    yield
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("popscore")]


def test_all_items_come() -> None:
    assert sorted(beside([numbers(1, 2, 3), numbers(4), numbers(), numbers(5, 6)], never)) == [1, 2, 3, 4, 5, 6]
    assert list(beside([numbers(3, 1, 2)], never)) == [3, 1, 2]
    assert list(beside([numbers(), numbers(7)], never)) == [7]


def test_the_first_one_begins() -> None:
    begun = threading.Event()

    def first(_stop: Callable[[], bool]) -> Iterator[int]:
        assert not begun.wait(0.05)
        yield 1
        assert begun.wait(5)

    def second(_stop: Callable[[], bool]) -> Iterator[int]:
        begun.set()
        yield 2

    assert list(beside([first, second], never)) == [1, 2]


@pytest.mark.parametrize("makers", [[broken, endless], [endless, broken], [broken]])
def test_an_error_ends_all(makers: list[Maker]) -> None:
    with pytest.raises(ValueError, match="broken"):
        list(beside(makers, never))


def test_stopping_and_closing_end_all() -> None:
    answers = iter([False] * 9)
    assert len(list(beside([endless, endless], lambda: next(answers, True)))) <= 9
    found = beside([endless, endless], never)
    assert next(found) == 0
    found.close()
