"""Batches as commands: begun, killed in the middle, and what they have left."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from commands import environment

# Ray on this machine takes 5 s to start and a minute where others use it too.
TIMEOUT_S = 400


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "popscore", "batch", *map(str, arguments)]


def finished(home: Path, *arguments: str | Path, **variables: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a batch to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=home,
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@contextlib.contextmanager
def begun(home: Path, *arguments: str | Path, **variables: str | Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A batch that runs beside the test; in the end it and all that it has started are killed."""
    with open(home / "batch.log", "ab") as log:
        driver = subprocess.Popen(
            command(*arguments), cwd=home, env=environment(home, **variables), stdout=log, stderr=log
        )
    try:
        yield driver
    finally:
        end(driver)


def end(driver: "subprocess.Popen[bytes]") -> None:
    """Kill -9 of the driver first, as it is in life; then, what still runs after a while."""
    below = descendants(driver.pid)
    if driver.poll() is None:
        driver.kill()
    driver.wait()
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s and any(is_running(one) for one in below):
        time.sleep(0.2)
    for one in below:
        with contextlib.suppress(OSError):
            os.kill(one, signal.SIGKILL)


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    return False


def descendants(pid: int) -> list[int]:
    """Processes below a process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
    found, waiting = [], [pid]
    while waiting:
        above = waiting.pop()
        below = [one for one, parent in parents.items() if parent == above]
        found += below
        waiting += below
    return found


def workers_of(pid: int, what: str = "ray::MapWorker") -> list[int]:
    """Actors of a batch, or its worker processes: `popscore.workers.program`."""
    found = []
    for one in descendants(pid):
        with contextlib.suppress(OSError):
            if what in Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(one)
    return found


def wait_for_files(out: Path, count: int, driver: "subprocess.Popen[bytes]") -> None:
    """Wait until so many files of results are there, or the batch has ended."""
    until_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until_s and driver.poll() is None:
        if len(list(out.glob("*.parquet"))) >= count:
            return
        time.sleep(0.05)


def rows(out: Path) -> list[dict[str, Any]]:
    """All rows of a destination."""
    from pyarrow import parquet

    return [row for file in sorted(out.glob("*.parquet")) for row in parquet.read_table(file).to_pylist()]


def scores(found: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Id to score; each id must be there once."""
    ids = [row["id"] for row in found]
    assert len(ids) == len(set(ids)), "a row is there twice"
    return {row["id"]: row["score"] for row in found}
