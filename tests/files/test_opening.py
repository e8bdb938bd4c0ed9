"""Files from outside are opened if they are regular files, and nothing is waited for."""

import os
import time
from pathlib import Path

import pytest

from popscore.errors import PopscoreError, UnreadableImage, UnreadableVideo
from popscore.files.opening import PHOTO, VIDEO, NotRegular, Wanted, head_of, limited_bytes, open_regular, opened


def test_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    with open_regular(tmp_path / "f") as file:
        assert file.read() == b"0123456789"
    assert head_of(tmp_path / "f", 4) == b"0123"
    assert limited_bytes(tmp_path / "f", 10) == b"0123456789"
    assert limited_bytes(tmp_path / "f", 9) == 10


@pytest.mark.parametrize("kind", ["pipe", "device", "socketless link"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "f"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/dev/tty")
    start_s = time.monotonic()
    with pytest.raises(OSError) as caught:
        open_regular(path)
    assert time.monotonic() - start_s < 1
    assert kind == "socketless link" or isinstance(caught.value, NotRegular)


@pytest.mark.parametrize(("wanted", "error"), [(PHOTO, UnreadableImage), (VIDEO, UnreadableVideo)])
def test_each_failure_says_thing_reason_and_next_step(
    tmp_path: Path, wanted: Wanted, error: type[PopscoreError]
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    messages = {}
    for name in ("missing", "folder", "pipe", "nul\0"):
        with pytest.raises(error) as caught, opened(tmp_path / name, name="x.jpg", wanted=wanted):
            pass
        messages[name] = str(caught.value)
    noun = wanted.noun
    assert messages == {
        "missing": "x.jpg could not be read: there is no such file. Check the path.",
        "folder": f"x.jpg is a folder, not a {noun}. {wanted.in_folder}",
        "pipe": f"x.jpg could not be read: it is not a regular file. Choose a {noun} file.",
        "nul\0": "x.jpg could not be read: embedded null byte. Check the path.",
    }
