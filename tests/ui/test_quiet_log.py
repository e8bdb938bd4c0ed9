"""The log of the app: the first error of each kind, counts of the others, and nothing that visitors sent."""

import logging
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import ROOT, environment
from hostile_requests import KINDS, SECRET, Request, send, send_raw
from running_app import free_port

from popscore.ui.quiet_log import QuietLog, without_foreign_words

# Where in the code each kind of error arises that a request of KINDS causes, as the log names it.
KNOWN = (
    "TypeError",
    "KeyError",
    "ValueError",
    "UnicodeEncodeError",
    "ValidationError",
    "RuntimeError",
)


@contextmanager
def logged_app(folder: Path, *command: str) -> Iterator[tuple[str, Path]]:
    """An app as a process, and the file with all that it prints."""
    port, log = free_port(), folder / "log"
    url = f"http://127.0.0.1:{port}"
    variables = {**environment(folder), "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder / "uploads")}
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=variables, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while not answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield url, log
    finally:
        os.kill(process.pid, signal.SIGINT)
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        return send(url, Request("GET", "/"))[0] == 200
    except OSError:
        return False


def flood(url: str, number: int) -> None:
    """So many bad requests, each kind about as often, in any order, eight at a time."""
    requests = [request for _ in range(number // len(KINDS) + 1) for request in KINDS.values()][:number]
    random.Random(0).shuffle(requests)  # noqa: S311
    with ThreadPoolExecutor(8) as pool:
        assert all(status < 500 for status, _ in pool.map(lambda request: send(url, request, 60), requests))


def check_log(text: str) -> None:
    assert len(text) < 100_000
    assert {error for error in KNOWN if error not in text} == set()
    assert "Traceback" not in text
    assert SECRET not in text
    assert "Again since the last summary" in text


@pytest.mark.slow
def test_bad_requests_do_not_flood_the_log(tmp_path: Path) -> None:
    with logged_app(tmp_path, "-m", "popscore", "app") as (url, log):
        flood(url, 300)
        for _ in range(5):
            send_raw(url, b"\x16\x03\x01 not HTTP\r\n\r\n")
    text = log.read_text()
    check_log(text)
    assert text.count("Invalid HTTP request received") == 1


@pytest.mark.slow
def test_three_thousand_bad_requests_do_not_flood_the_log(tmp_path: Path) -> None:
    with logged_app(tmp_path, "app.py") as (url, log):
        flood(url, 3_000)
    check_log(log.read_text())


# --- the handler by itself -----------------------------------------------------------------------------


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def logger(lines: list[str]) -> Iterator[logging.Logger]:
    logger = logging.getLogger("popscore.test_quiet_log")
    logger.propagate = False
    handler = QuietLog(lines.append, summary_after_s=0.05)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def fail(message: str) -> None:
    raise OSError(28, "No space left on device", message)


def test_the_first_of_a_kind_is_written_and_later_ones_are_counted(logger: logging.Logger, lines: list[str]) -> None:
    for number in range(10):
        try:
            fail(f"/tmp/{number}.jpg")  # noqa: S108
        except OSError:
            logger.exception("It failed")
    assert not any("It failed" in line for line in lines[1:])  # the summary may be there already
    assert lines[0].splitlines()[:2] == ["popscore.test_quiet_log: It failed", "  OSError: No space left on device"]
    assert "in fail" in lines[0]
    deadline = time.monotonic() + 5
    while len(lines) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert lines[1].startswith("Again since the last summary:\n  9 x OSError ui/test_quiet_log.py:")


def test_two_places_are_two_kinds(logger: logging.Logger, lines: list[str]) -> None:
    logger.warning("a")
    logger.warning("a")
    assert lines == ["popscore.test_quiet_log: a"] * 2


def test_the_causes_of_an_error_are_named(logger: logging.Logger, lines: list[str]) -> None:
    try:
        try:
            fail("a")
        except OSError as error:
            raise ValueError(SECRET) from error
    except ValueError:
        logger.exception("It failed")
    assert "  caused by OSError: No space left on device" in lines[0].splitlines()
    assert SECRET not in lines[0]


def test_a_traceback_in_the_text_is_told_by_type_and_places(logger: logging.Logger, lines: list[str]) -> None:
    """As a worker process sends it."""
    for what in (fail, int):
        try:
            what(f"{SECRET}\n{SECRET}: x")  # type: ignore[operator]
        except (OSError, ValueError):
            logger.error("A worker failed:\n%s", traceback.format_exc())
    assert len(lines) == 2
    assert lines[0].splitlines()[:2] == ["popscore.test_quiet_log: A worker failed:", "  OSError"]
    assert lines[0].endswith(" in fail")
    assert "  ValueError" in lines[1].splitlines()
    assert SECRET not in "".join(lines)


def test_what_is_no_warning_is_left_alone(logger: logging.Logger, lines: list[str]) -> None:
    logger.setLevel(logging.INFO)
    logger.info("a")
    assert lines == []


def test_there_are_never_more_than_some_hundred_kinds(lines: list[str]) -> None:
    log = QuietLog(lines.append, summary_after_s=3600)
    for number in range(2_000):
        log.note(f"kind {number}", "text")
    log.summarise()
    assert len(lines) == 301
    assert lines[-1] == "Again since the last summary:\n  1700 x other kinds"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tool 'a.jpg' is unknown", "Tool … is unknown"),
        ("cannot open /tmp/gradio/1/a.jpg", "cannot open …"),
        ("asked https://example.com/?q=a for it", "asked … for it"),
        ("first\nsecond", "first"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a" * 500, "a" * 200),
        ("", ""),
    ],
)
def test_foreign_words_are_left_out(text: str, expected: str) -> None:
    assert without_foreign_words(text) == expected
