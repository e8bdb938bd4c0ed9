"""`popscore rank` in a terminal: colours, a bar that goes away, and Ctrl-C; how errors are told."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import environment
from onnx_files import tiny
from PIL import Image

from popscore.cli.terminal import Progress, complain_about


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model, and in `g` 200 photos that take a while."""
    (tmp_path / "tiny.onnx").write_bytes(tiny())
    (tmp_path / "g").mkdir()
    first = tmp_path / "g" / "0.png"
    Image.effect_noise((900, 900), 50).convert("RGB").save(first, compress_level=1)
    for number in range(1, 200):
        shutil.copy(first, tmp_path / "g" / f"{number}.png")
    return tmp_path


def in_terminal(
    folder: Path, *arguments: str, interrupt_on: bytes | None = None, **variables: str
) -> tuple[int, bytes]:
    """Run popscore in a terminal of its own: exit status, and all that appeared."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "popscore", *arguments],
        cwd=folder,
        env=environment(folder, COLUMNS="100", POPSCORE_MODEL_PATH="tiny.onnx", **variables),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    seen = b""
    deadline_s = time.monotonic() + 40
    while time.monotonic() < deadline_s:
        ready, _, _ = select.select([master], [], [], 0.05)
        if not ready:
            if process.poll() is not None:
                break
            continue
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        seen += part
        if interrupt_on is not None and interrupt_on in seen:
            process.send_signal(signal.SIGINT)
            interrupt_on = None
    os.close(master)
    return process.wait(timeout=10), seen


@pytest.mark.slow
def test_colours_and_a_bar(folder: Path) -> None:
    status, seen = in_terminal(folder, "rank", "--no-cache", "--top", "3", "g")
    assert status == 0
    assert b"\x1b[38;2;59;130;246mGood     \x1b[0m" in seen or b"\x1b[38;2;245;158;11mFair     \x1b[0m" in seen
    assert b" of 200 photos, " in seen and b" photos/s, " in seen and b" left" in seen
    table = seen.rpartition(b" photos/s, ")[2].partition(b" left")[2]
    assert table.lstrip(b"\r ").startswith(b"1 ")  # the bar was wiped away
    status, seen = in_terminal(folder, "rank", "--top", "3", "g/0.png", "g/1.png", NO_COLOR="1")
    assert status == 0 and b"\x1b" not in seen


def test_ctrl_c_leaves_nothing_half_written(folder: Path) -> None:
    (folder / "o.zip").write_bytes(b"before")
    before = sorted(path.name for path in folder.iterdir())
    arguments = ["rank", "--csv", "o.csv", "--zip", "o.zip", "--xmp", "g"]
    status, seen = in_terminal(folder, *arguments, interrupt_on=b"photos, ")
    assert status == 130
    assert seen.rstrip().endswith(b"popscore: stopped") and b"Traceback" not in seen
    assert (folder / "o.zip").read_bytes() == b"before"
    assert sorted(path.name for path in folder.iterdir() if path.name not in ("cache", "hf")) == before
    assert not list((folder / "g").glob("*.xmp"))
    # What was scored until then is not scored again.
    assert (folder / "cache" / "scores.sqlite").exists()


class Screen:
    """A standard error that is, or is not, a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        self.text, self._terminal = "", terminal

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("total", [None, 1000])
@pytest.mark.parametrize("columns", ["100", "20", "1"])
def test_the_bar_fits_the_line_and_leaves_it_empty(
    monkeypatch: pytest.MonkeyPatch, total: int | None, columns: str
) -> None:
    monkeypatch.setenv("TQDM_MININTERVAL", "0")
    monkeypatch.setenv("COLUMNS", columns)
    screen = Screen(terminal=True)
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress() as progress:
        for done in range(1, 1001):
            progress.update(done, total)
    lines = screen.text.split("\r")
    assert all(len(line) <= int(columns) for line in lines) and lines[-1] == ""
    assert lines[-2].strip() == ""


def test_no_bar_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(terminal=False)
    for stream in (screen, None):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress() as progress:
            progress.update(1, 2)
    assert screen.text == ""


@pytest.mark.parametrize(
    ("total", "last"), [(None, "3 more rows cannot be read."), (1200, "1,198 more rows cannot be read.")]
)
def test_the_first_of_many_errors_are_told_and_the_others_counted(
    total: int | None, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    complain_about([f"Row {row}." for row in range(5)], more="more rows cannot be read.", shown=2, total=total)
    assert capsys.readouterr().err.splitlines() == ["popscore: Row 0.", "popscore: Row 1.", f"popscore: {last}"]


def test_few_errors_are_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    complain_about(["Row 0."], more="more rows cannot be read.")
    complain_about([], more="more rows cannot be read.", total=0)
    assert capsys.readouterr().err == "popscore: Row 0.\n"
