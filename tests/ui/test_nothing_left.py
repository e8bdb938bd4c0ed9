"""Nothing of a visitor stays: not after the visit, not after an hour, not after the app, however it ends."""

import http.client
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gradio_client import Client, handle_file
from PIL import Image
from running_app import ROOT, free_port, running_app

from popscore.ui.kit import visits as visits_module
from popscore.ui.kit.asker import Asker, set_asker
from popscore.ui.kit.own_folder import OwnFolder
from popscore.ui.kit.visits import Visits


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".running"]


def aged(path: Path, age_s: float) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"photo")
    for one in (path, path.parent):
        os.utime(one, (time.time() - age_s, time.time() - age_s))
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnFolder]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    folder = OwnFolder()
    yield folder
    folder.remove()


def test_nobody_else_may_look_into_the_folder(folder: OwnFolder, tmp_path: Path) -> None:
    assert stat.S_IMODE(folder.location.stat().st_mode) == 0o700
    assert folder.location.parent == tmp_path
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder.location)


def test_what_is_old_goes_and_what_is_new_stays(folder: OwnFolder) -> None:
    old, new = aged(folder.location / "a" / "old.jpg", 4000), aged(folder.location / "b" / "new.jpg", 100)
    broken_off = aged(folder.location / "tmp123", 4000)
    os.utime(folder.location)
    folder.sweep(3000)
    assert not old.parent.exists()
    assert not broken_off.exists()
    assert new.exists()
    folder.sweep(10)
    assert not new.exists()
    assert folder.location.is_dir()


def test_a_link_in_the_folder_is_removed_and_not_followed(folder: OwnFolder, tmp_path: Path) -> None:
    outside = aged(tmp_path / "outside" / "private.jpg", 4000)
    (folder.location / "link").symlink_to(outside.parent)
    (folder.location / "link.jpg").symlink_to(outside)
    folder.sweep(-10)
    assert outside.exists()
    assert not (folder.location / "link.jpg").is_symlink()


def test_the_folder_of_an_app_that_was_killed_goes_at_the_next_start(folder: OwnFolder, tmp_path: Path) -> None:
    dead = tmp_path / "popscore-dead"
    aged(dead / "a" / "photo.jpg", 10)
    (dead / ".running").touch()
    other = aged(tmp_path / "gradio" / "photo.jpg", 9_000)
    second = OwnFolder()
    assert not dead.exists()
    assert other.exists(), "not ours"
    assert folder.location.exists(), "still running"
    second.remove()
    assert not second.location.exists()


def test_files_of_a_visit_go_when_it_ends_unless_others_use_them(
    folder: OwnFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits_module, "KEEP_AFTER_VISIT_S", 0.2)
    visits = Visits(folder)
    mine, shared, made = (aged(folder.location / name / "photo.jpg", 1) for name in ("mine", "shared", "made"))

    def by(session: str, *paths: Path) -> None:
        set_asker(Asker(session, lambda: False))
        visits.uses(paths)

    by("first", mine, shared, made.parent)
    by("second", shared)
    visits.ended("first")
    visits.sweep()
    assert mine.exists(), "a connection that broke comes back"
    time.sleep(0.3)
    visits.sweep()
    assert not mine.parent.exists()
    assert not made.parent.exists()
    assert shared.exists()
    visits.ended("second")
    by("second", shared)  # it is back
    time.sleep(0.3)
    visits.sweep()
    assert shared.exists()
    visits.ended("nobody knows")
    set_asker(None)  # type: ignore[arg-type]


def test_no_path_outside_the_folder_is_ever_deleted(
    folder: OwnFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits_module, "KEEP_AFTER_VISIT_S", 0.0)
    outside = aged(tmp_path / "outside" / "private.jpg", 1)
    visits = Visits(folder)
    set_asker(Asker("first", lambda: False))
    visits.uses([outside, outside.parent, folder.location])
    visits.ended("first")
    visits.sweep()
    assert outside.exists()
    assert folder.location.exists()
    set_asker(None)  # type: ignore[arg-type]


def test_many_visits_are_not_remembered_for_ever(folder: OwnFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits_module, "_MOST_VISITS", 3)
    visits = Visits(folder)
    for number in range(10):
        set_asker(Asker(str(number), lambda: False))
        visits.uses([folder.location / str(number)])
    assert list(visits._files) == ["7", "8", "9"]
    set_asker(None)  # type: ignore[arg-type]


# --- the running app -----------------------------------------------------------------------------------------


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits_module, "KEEP_AFTER_VISIT_S", 0.5)
    monkeypatch.setattr(visits_module, "_SWEEP_EACH_S", 0.2)


@pytest.mark.slow
def test_uploads_of_a_client_go_when_it_leaves(tmp_path: Path, cat: Path, quickly: None) -> None:
    with running_app(tmp_path) as url:
        client = Client(url, verbose=False)
        assert client.predict(image=handle_file(str(cat)), api_name="/score_image")["score"]
        assert files(tmp_path)
        client.close()
        wait_until(lambda: not files(tmp_path), "the upload is still there")


def test_uploads_go_by_age(tmp_path: Path, cat: Path, quickly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits_module, "KEEP_UPLOADS_S", 6.0)
    with running_app(tmp_path) as url:
        client = Client(url, verbose=False)
        handed = client.predict(image=handle_file(str(cat)), api_name="/score_image")
        assert handed
        wait_until(lambda: not files(tmp_path), "the upload is still there")
        client.close()


def test_an_upload_that_breaks_off_goes_too(tmp_path: Path, quickly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits_module, "KEEP_UPLOADS_S", 6.0)
    with running_app(tmp_path) as url:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port)
        connection.putrequest("POST", "/gradio_api/upload")
        connection.putheader("Content-Type", "multipart/form-data; boundary=xxx")
        connection.putheader("Content-Length", "9000000")
        connection.endheaders()
        head = b'--xxx\r\nContent-Disposition: form-data; name="files"; filename="private.jpg"\r\n\r\n'
        connection.send(head + b"\xff\xd8\xff" * 400_000)
        wait_until(lambda: bool(files(tmp_path)), "nothing was uploaded")
        connection.close()
        wait_until(lambda: not files(tmp_path), "half an upload is still there")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are other ones there")
@pytest.mark.parametrize(
    "how",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_nothing_stays_when_the_app_ends(tmp_path: Path, cat: Path, clip: Path, how: signal.Signals) -> None:
    def start() -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path), "GRADIO_SERVER_PORT": str(port)}
        app = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        url = f"http://127.0.0.1:{port}"

        def up() -> bool:
            try:
                return bool(urllib.request.urlopen(url, timeout=2).status == 200)
            except OSError:
                return False

        wait_until(up, "the app did not start", 60)
        return app, url

    app, url = start()
    client = Client(url, verbose=False)
    client.predict(image=handle_file(str(cat)), api_name="/score_image")
    assert files(tmp_path)
    # In the middle of work: one video, and one gallery of photos that are all different.
    large = Image.effect_noise((3000, 2000), 60)
    large.save(tmp_path.parent / "large.png")
    photos = []
    for number in range(20):
        photos.append(tmp_path.parent / f"{number}.png")
        photos[-1].write_bytes((tmp_path.parent / "large.png").read_bytes() + bytes([number]))
    busy = [
        client.submit(handle_file(str(clip)), 1, False, 2, api_name="/rank_video"),
        client.submit([handle_file(str(photo)) for photo in photos], 0, False, api_name="/rank_images"),
    ]
    wait_until(lambda: all(job.status().code.name == "PROCESSING" for job in busy), "the work was not begun")
    app.send_signal(how)
    app.wait(timeout=30)
    if how == signal.SIGKILL:
        assert files(tmp_path), "nobody could"
        app, _ = start()
        wait_until(lambda: not files(tmp_path), "what was left is still there")
        app.terminate()
        app.wait(timeout=30)
    assert not files(tmp_path)
    # Gradio itself makes an empty folder when it is imported.
    assert {path.name for path in tmp_path.iterdir()} <= {"vibe_edit_history"}
