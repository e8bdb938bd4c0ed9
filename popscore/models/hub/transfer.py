"""One file from the Hub into the cache: asked for once, checked, and read within limits."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import httpx2
import huggingface_hub
from huggingface_hub import constants, errors

from popscore.errors import ModelRefused
from popscore.models.hub.answers import Misbehaves, Stated, ask, too_large
from popscore.models.hub.cache import Place
from popscore.models.network import MAX_MODEL_BYTES

# Between tries, as huggingface_hub waits: 23 s in all.
_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 8.0)
_WORTH_ANOTHER_TRY = {408, 429, 500, 502, 503, 504}


class BrokenOff(Exception):
    """The content did not arrive whole, or the server answers something else.

    Attributes:
        status: of the answer; None where the connection broke.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class GivenUp(Exception):
    """The download took longer than it may."""


def transfer(repo: str, file: str, revision: str, *, alive: Callable[[], None], end_s: float) -> tuple[Path, str]:
    """Fetch the file, unless the cache holds what the Hub has by now.

    Args:
        repo: OWNER/NAME.
        file: path inside the repository.
        revision: commit, tag or branch.
        alive: called whenever something arrived.
        end_s: `time.monotonic()` at which it is given up.

    Returns:
        Where the file lies in the cache, and its tag.

    Raises:
        Misbehaves, ModelRefused: see `answers.ask`.
        BrokenOff, GivenUp, OSError, httpx2.HTTPError: see there.
    """
    stated = _again(lambda: ask(repo, file, revision), end_s)
    alive()
    place = Place(repo, stated.commit, stated.tag, file)
    if place.snapshot.exists():
        with contextlib.suppress(OSError):  # the cache may be for reading only
            place.link(revision)
        return place.snapshot, stated.tag
    if place.blob.exists():  # the content did not change with the commit
        return place.link(revision), stated.tag
    part = place.new_part()
    try:
        with part.open("ab") as content:
            _fill(content, stated, repo, file, alive=alive, end_s=end_s)
        return place.store(part, revision), stated.tag
    except (BrokenOff, GivenUp, httpx2.TransportError):
        raise  # the part stays, and the next download goes on there
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _again(ask_once: Callable[[], Stated], end_s: float) -> Stated:
    for pause_s in _PAUSES_S:
        try:
            return ask_once()
        except errors.HfHubHTTPError as error:
            if error.response.status_code not in _WORTH_ANOTHER_TRY:
                raise
        except httpx2.TransportError as error:
            if isinstance(error, (httpx2.UnsupportedProtocol, httpx2.ProxyError)):
                raise
        _pause(pause_s, end_s)
    return ask_once()


def _fill(content: BinaryIO, stated: Stated, repo: str, file: str, *, alive: Callable[[], None], end_s: float) -> None:
    """Read until all is there; a connection that breaks is taken up where it broke."""
    tries = 0
    while True:
        before = content.tell()
        if stated.size is not None and before == stated.size:
            return
        try:
            _read(content, stated, repo, file, alive=alive, end_s=end_s)
            return
        except httpx2.UnsupportedProtocol:
            raise
        except BrokenOff as error:
            if error.status is not None and error.status not in _WORTH_ANOTHER_TRY:
                raise
            failure: Exception = error
        except httpx2.TransportError as error:
            failure = error
        tries = 0 if content.tell() > before else tries + 1
        if tries == len(_PAUSES_S):
            raise failure
        _pause(_PAUSES_S[tries], end_s)


def _read(content: BinaryIO, stated: Stated, repo: str, file: str, *, alive: Callable[[], None], end_s: float) -> None:
    start = content.tell()
    # As they are: what is packed on the way can become a thousand times as large.
    headers = {"Accept-Encoding": "identity"}
    if stated.token:
        headers["Authorization"] = f"Bearer {stated.token}"
    if start:
        headers["Range"] = f"bytes={start}-"
    client = huggingface_hub.get_session()
    with client.stream(
        "GET", stated.location, headers=headers, follow_redirects=True, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
    ) as answer:
        if answer.status_code not in (200, 206):
            raise BrokenOff(f"the Hub answered {answer.status_code}", answer.status_code)
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Misbehaves("the server sends the file packed, which nobody asked for. Check HF_ENDPOINT.")
        alive()
        if start and not (
            answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        ):
            content.seek(0)
            content.truncate()
            if answer.status_code == 206:
                raise BrokenOff("the server sent another part of the file than the one asked for")
        for piece in answer.iter_raw():
            alive()
            content.write(piece)
            arrived = content.tell()
            if arrived > MAX_MODEL_BYTES:
                raise ModelRefused(too_large(file, repo, arrived))
            if stated.size is not None and arrived > stated.size:
                raise Misbehaves(
                    f"the server sends more than the {stated.size} bytes that it stated. Check HF_ENDPOINT."
                )
            _check_time(end_s)
    if stated.size is not None and content.tell() < stated.size:
        raise BrokenOff("the connection broke off")


def _pause(pause_s: float, end_s: float) -> None:
    _check_time(end_s - pause_s)
    time.sleep(pause_s)


def _check_time(end_s: float) -> None:
    if time.monotonic() > end_s:
        raise GivenUp
