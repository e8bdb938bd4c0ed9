"""Workers end, hang, grow and lie; who asks them gets an error, and the next one gets an answer."""

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT

from popscore.errors import TooBusy, UnreadableImage
from popscore.workers import pool as pool_module
from popscore.workers.pool import Pool
from popscore.workers.worker import NobodyWaits, TaskFailed, TookTooLong, WorkerEnded
from tests.support import bad_tasks


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(1)
    yield pool
    pool.close()


def ask(pool: Pool, task: Any, *arguments: Any, seconds: float = 90, **options: Any) -> Any:
    return pool.call(task, arguments, seconds=seconds, **options)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_a_worker_serves_one_task_after_the_other(pool: Pool) -> None:
    assert [ask(pool, bad_tasks.echo, value) for value in (1, "two", b"3", None, [4.0], {"five": (6, 7)})]
    assert ask(pool, bad_tasks.pid) == ask(pool, bad_tasks.pid) != os.getpid()


def test_what_a_task_raises_on_purpose_arrives_as_it_is(pool: Pool) -> None:
    with pytest.raises(UnreadableImage, match="so it is"):
        ask(pool, bad_tasks.fail)
    assert ask(pool, bad_tasks.echo, 1) == 1


def test_what_fails_at_the_start_is_told_at_once_and_not_waited_for_again(pool: Pool) -> None:
    pool.first = (bad_tasks.fail, ())
    with pytest.raises(UnreadableImage, match="so it is"):
        ask(pool, bad_tasks.echo, 1)
    began = time.monotonic()
    assert ask(pool, bad_tasks.echo, 1) == 1
    assert time.monotonic() - began < 30, "an answer was waited for that had come already"


@pytest.mark.parametrize("task", [bad_tasks.crash, bad_tasks.end])
def test_a_worker_that_ends_is_replaced(pool: Pool, task: Any) -> None:
    before = ask(pool, bad_tasks.pid)
    with pytest.raises(WorkerEnded):
        ask(pool, task)
    assert ask(pool, bad_tasks.pid) != before


def test_a_fault_is_told_with_its_traceback_and_the_worker_goes_on(pool: Pool) -> None:
    with pytest.raises(TaskFailed, match="nobody expected this"):
        ask(pool, bad_tasks.surprise)
    assert ask(pool, bad_tasks.echo, 1) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the system keeps no limit of memory")
def test_memory_ends_where_the_limit_is(pool: Pool) -> None:
    assert ask(pool, bad_tasks.take, 800_000_000) == 800_000_000
    with pytest.raises(TaskFailed, match="MemoryError"):
        ask(pool, bad_tasks.take, 1_500_000_000)
    assert ask(pool, bad_tasks.echo, 1) == 1


@pytest.mark.parametrize("task", [bad_tasks.wait, bad_tasks.spin])
def test_time_ends_where_the_limit_is(pool: Pool, task: Any) -> None:
    worker = ask(pool, bad_tasks.pid)
    began = time.monotonic()
    with pytest.raises(TookTooLong):
        ask(pool, task, 60.0, seconds=0.5)
    assert time.monotonic() - began < 30
    assert not alive(worker)
    assert ask(pool, bad_tasks.echo, 1) == 1


def test_a_task_that_reports_has_longer(pool: Pool) -> None:
    told: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        told.append((done, total))

    assert ask(pool, bad_tasks.count, 12, 0.1, seconds=20, silent_seconds=0.8, on_progress=note) == 12
    assert told[0] == (1, 12)
    assert told[-1] == (12, 12)
    with pytest.raises(TookTooLong):
        ask(pool, bad_tasks.wait, 20.0, seconds=20, silent_seconds=0.5)


def test_a_task_ends_when_nobody_waits_any_more(pool: Pool) -> None:
    worker = ask(pool, bad_tasks.pid)
    gone = threading.Event()
    threading.Timer(0.5, gone.set).start()
    began = time.monotonic()
    with pytest.raises(NobodyWaits):
        ask(pool, bad_tasks.wait, 60.0, seconds=60, cancelled=gone.is_set)
    assert time.monotonic() - began < 30
    assert not alive(worker)


def test_who_waits_for_a_worker_may_leave_too(pool: Pool) -> None:
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ask, pool, bad_tasks.wait, 2.0)
        time.sleep(0.3)
        began = time.monotonic()
        with pytest.raises(NobodyWaits):
            ask(pool, bad_tasks.echo, 1, cancelled=lambda: True)
        assert time.monotonic() - began < 1
        assert first.result() == "waited"


def test_only_so_many_may_wait() -> None:
    pool = Pool(1, most_waiting=2)
    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(ask, pool, bad_tasks.wait, 1.0) for _ in range(3)]
        time.sleep(0.5)
        with pytest.raises(TooBusy, match="Try again"):
            ask(pool, bad_tasks.echo, 1)
        assert [one.result() for one in running] == ["waited"] * 3
    pool.close()


def test_those_in_a_hurry_go_first() -> None:
    pool = Pool(1)
    done: list[str] = []

    def note(name: str, hurry: bool) -> None:
        ask(pool, bad_tasks.wait, 0.1, hurry=hurry)
        done.append(name)

    with ThreadPoolExecutor(8) as threads:
        for number in range(6):
            threads.submit(note, f"gallery {number}", False)
        time.sleep(0.3)
        threads.submit(note, "single", True)
    assert done.index("single") <= 3
    pool.close()


def test_a_gallery_goes_on_while_single_photos_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_HEAD_START_S", 1.0)
    pool = Pool(1, spare=2)
    over = threading.Event()

    def one_after_the_other() -> None:
        while not over.is_set():
            ask(pool, bad_tasks.wait, 0.05, hurry=True)

    with ThreadPoolExecutor(9) as threads:
        for _ in range(8):
            threads.submit(one_after_the_other)
        time.sleep(0.5)
        began = time.monotonic()
        try:
            assert [threads.submit(ask, pool, bad_tasks.wait, 0.05).result(timeout=20) for _ in range(3)]
        finally:
            over.set()
    assert time.monotonic() - began < 15
    pool.close()


@pytest.mark.slow
def test_a_photo_that_takes_long_does_not_stop_others() -> None:
    pool = Pool(1, spare=2)
    ask(pool, bad_tasks.echo, 1)
    with ThreadPoolExecutor(8) as threads, contextlib.closing(pool):
        slow = [threads.submit(ask, pool, bad_tasks.spin, 300.0, seconds=300, hurry=True) for _ in range(3)]
        time.sleep(1.0)
        began = time.monotonic()
        assert ask(pool, bad_tasks.echo, "quick", hurry=True) == "quick"
        assert time.monotonic() - began < 60, "started beside the slow ones, or in the place of the slowest"
        more = [threads.submit(ask, pool, bad_tasks.spin, 300.0, seconds=300, hurry=True) for _ in range(2)]
        assert ask(pool, bad_tasks.echo, "quick", hurry=True) == "quick", "in the place of one that took long"
        pool.close()
        ended = [one.exception() for one in (*slow, *more)]
    assert all(isinstance(error, (TookTooLong, WorkerEnded)) for error in ended)
    assert any(isinstance(error, TookTooLong) for error in ended)


def test_nothing_that_a_library_prints_is_taken_for_an_answer(pool: Pool) -> None:
    assert ask(pool, bad_tasks.stray_output) == "clean"
    assert ask(pool, bad_tasks.echo, 1) == 1


def test_a_worker_knows_no_secrets(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "a secret")
    assert "a secret" not in str(ask(pool, bad_tasks.environment))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the pipe in /proc")
def test_what_a_worker_sends_cannot_do_anything(pool: Pool, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    for packed in (pickle.dumps(bad_tasks.Evil(str(touched))), b"no pickle", pickle.dumps(print)):
        with pytest.raises(WorkerEnded):
            ask(pool, bad_tasks.garbage, packed)
    assert not touched.exists()
    assert ask(pool, bad_tasks.echo, 1) == 1


def test_closing_ends_everything() -> None:
    pool = Pool(1)
    worker = ask(pool, bad_tasks.pid)
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(ask, pool, bad_tasks.wait, 30.0) for _ in range(2)]
        time.sleep(0.3)
        pool.close()
        assert all(isinstance(one.exception(), WorkerEnded) for one in running)
    assert not alive(worker)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_workers_end_with_the_app_even_if_it_is_killed() -> None:
    code = (
        "import time\nfrom popscore.workers.pool import Pool\nfrom tests.support import bad_tasks\n"
        "pool = Pool(1)\nprint(pool.call(bad_tasks.pid, (), seconds=20), flush=True)\n"
        "pool.call(bad_tasks.spin, (60.0,), seconds=60)"
    )
    app = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    worker = int(app.stdout.readline())
    time.sleep(0.5)
    app.kill()
    app.wait()
    deadline = time.monotonic() + 10
    while alive(worker):
        assert time.monotonic() < deadline, "the worker is still there"
        time.sleep(0.1)


@pytest.mark.slow
def test_workers_that_nobody_needs_end_and_those_that_have_grown_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_REST_S", 0.5)
    pool = Pool(2, warm=1)
    with ThreadPoolExecutor(2) as threads:
        found = {one.result() for one in [threads.submit(ask, pool, bad_tasks.wait_and_tell, 0.5) for _ in range(2)]}
    assert len(found) == 2
    wait_until(lambda: sum(map(alive, found)) == 1)
    kept = ask(pool, bad_tasks.pid)
    assert ask(pool, bad_tasks.keep, 150_000_000) == 150_000_000
    wait_until(lambda: not alive(kept))
    assert ask(pool, bad_tasks.pid) not in found
    pool.close()


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)
