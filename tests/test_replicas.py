"""docs/replicas/nginx.conf: visitors stay with one process, and a process that ends takes nobody else along."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from commands import environment
from replicas import CONFIGURATION, NGINX, Visitor, configuration, one_address
from running_app import app_process

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


@needs_nginx
def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    for text in (CONFIGURATION.read_text(encoding="utf-8"), configuration(8099, ["127.0.0.1:1", "127.0.0.1:2"])):
        (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [str(NGINX), "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], capture_output=True, text=True
        )
        assert done.returncode == 0 and "warn" not in done.stderr, done.stderr


@needs_nginx
@pytest.mark.slow
def test_two_processes_behind_one_address(tmp_path: Path, cat: Path) -> None:
    """Whoever keeps cookies stays with one process; without cookies the address decides; an end is survived."""
    with ExitStack() as stack:
        ending = [stack.enter_context(ExitStack()) for _ in range(2)]
        urls = [
            one.enter_context(app_process(environment(tmp_path / str(n)), wait_s=240)) for n, one in enumerate(ending)
        ]
        url = stack.enter_context(one_address(tmp_path / "nginx", urls))
        visitors: list[Visitor] = []
        for _ in range(40):  # chance gives the places
            visitors.append(visitor := Visitor(url))
            stack.callback(visitor.close)
            visitor.open()
            scores = {visitor.score(cat)["score"] for _ in range(2)}
            assert len(scores) == len(visitor.places) == 1
            if len(set.union(*(one.places for one in visitors))) == 2:
                break
        else:
            pytest.fail("all visitors came to one process")

        stranger = Visitor(url)
        stack.callback(stranger.close)
        for _ in range(3):
            assert stranger.score(cat)["score"] in scores
        assert not stranger.http.cookies and len(stranger.places) == 1

        cookie = httpx.get(url).headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
        ending[0].close()
        for visitor in visitors:
            visitor.places.clear()
            assert visitor.score(cat)["score"] in scores
            # Where nginx tried one in vain, it names both.
            assert all(place.endswith(urls[1].removeprefix("http://")) for place in visitor.places)
