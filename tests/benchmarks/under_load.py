"""How the app holds under load and under attack.

    python tests/benchmarks/under_load.py gallery            a single photo while a gallery of 300 runs
    python tests/benchmarks/under_load.py attacks [NAMES]    a single photo while hostile files are sent, 8 at once
    python tests/benchmarks/under_load.py clients            64 clients, 5,000 requests, single photos and galleries
    python tests/benchmarks/under_load.py sessions           memory after 10,000 visits

Each starts an app of its own and prints medians, 95th percentiles, and the memory of the app with all its workers.
"""

import argparse
import http.client
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from hostile_photos import HOSTILE_PHOTOS  # noqa: E402
from hostile_videos import HOSTILE_VIDEOS  # noqa: E402
from rank_gallery import make_photos, photographs  # noqa: E402
from running_app import app_process  # noqa: E402

import popscore  # noqa: E402

_PROC = Path("/proc")


class Visitor:
    """Calls endpoints as curl does, on a connection that stays open."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=600)

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> http.client.HTTPResponse:
        """On the connection, or on a new one where the server has closed it, as it does after some idle seconds."""
        try:
            self._connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            return self._connection.getresponse()
        except (BrokenPipeError, http.client.RemoteDisconnected, ConnectionResetError) as error:
            print(f"connected anew for {method} {path[:40]}: {error!r}", file=sys.stderr)
            self._connection.close()
            self._connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            return self._connection.getresponse()

    def upload(self, path: Path, name: str | None = None) -> str:
        head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name or path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + b"\r\n--b--\r\n"
        return str(self._json("POST", "upload", body, "multipart/form-data; boundary=b")[0])

    def call(self, endpoint: str, **inputs: Any) -> tuple[str, Any]:
        """The event that ended the call (complete or error), and what came with it."""
        event = self._json("POST", f"call/v2/{endpoint}", json.dumps(inputs).encode(), "application/json")["event_id"]
        answer = self._ask("GET", f"/gradio_api/call/{endpoint}/{quote(event)}")
        kind = ""
        for line in answer:
            if line.startswith(b"event: "):
                kind = line[7:].decode().strip()
            elif line.startswith(b"data: ") and kind in ("complete", "error"):
                found = json.loads(line[6:])
                answer.read()
                return kind, found
        return "ended", None

    def page_function(self, component: int, function: str, *arguments: Any) -> Any:
        body = {"component_id": component, "fn_name": function, "data": arguments, "session_hash": "load"}
        return self._json("POST", "component_server", json.dumps(body).encode(), "application/json")

    def get(self, path: str) -> bytes:
        return self._ask("GET", path).read()

    def _json(self, method: str, path: str, body: bytes, kind: str) -> Any:
        answer = self._ask(method, f"/gradio_api/{path}", body, kind)
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {content[:200]!r}")
        return json.loads(content)


# --- memory ------------------------------------------------------------------------------------------


def memory_mb(pid: int) -> tuple[float, int]:
    """Resident memory of a process and its children in MB, and how many children there are."""
    parents: dict[int, int] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(") ")[2].split()[1])
        except (OSError, IndexError):
            continue
    family = {pid}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        family |= grown
    pages = 0
    for member in family:
        try:
            pages += int((_PROC / str(member) / "statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(family) - 1


class Watch:
    """The most memory that an app took while it was watched."""

    def __init__(self, pid: int) -> None:
        self._pid, self.most_mb, self.most_workers = pid, 0.0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            found, workers = memory_mb(self._pid)
            self.most_mb, self.most_workers = max(self.most_mb, found), max(self.most_workers, workers)


# --- the app -----------------------------------------------------------------------------------------


@contextmanager
def app() -> Iterator[tuple[str, int]]:
    """Address and process of an app of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GRADIO_TEMP_DIR": folder}
        with app_process(environment) as url:
            (pid,) = (
                int(entry.name)
                for entry in _PROC.glob("[0-9]*")
                if f"{os.getpid()}" == _parent(entry) and "app.py" in _command(entry)
            )
            yield url, pid


def _parent(entry: Path) -> str:
    try:
        return (entry / "stat").read_text().rpartition(") ")[2].split()[1]
    except (OSError, IndexError):
        return ""


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_text()
    except OSError:
        return ""


def latencies(visitor: Visitor, path: str, count: int) -> list[float]:
    found = []
    for _ in range(count):
        began = time.perf_counter()
        kind, answer = visitor.call("score_image", image={"path": path})
        found.append(1000 * (time.perf_counter() - began))
        if kind != "complete":
            raise RuntimeError(f"a sound photo got {answer}")
    return found


def p95(found: list[float]) -> float:
    return sorted(found)[max(0, round(0.95 * len(found)) - 1)]


def beside(count: int, work: Callable[[], None]) -> Callable[[], None]:
    """Run `work` again and again in threads; the answer ends them."""
    over = threading.Event()

    def again() -> None:
        while not over.is_set():
            try:
                work()
            except (OSError, RuntimeError, http.client.HTTPException):
                time.sleep(0.05)

    threads = [threading.Thread(target=again, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()

    def end() -> None:
        over.set()
        for thread in threads:
            thread.join(timeout=120)

    return end


def gallery(folder: Path, options: argparse.Namespace) -> None:
    """A single photo while a gallery runs."""
    paths = [Path(path) for path in make_photos(folder / "photos", photographs(), options.photos + 1, (0.5, 1.0))]
    with app() as (url, pid):
        visitor, other = Visitor(url), Visitor(url)
        single = visitor.upload(paths[-1])
        latencies(visitor, single, 5)
        rounds = []
        for _ in range(options.rounds):
            idle = latencies(visitor, single, 60)
            # Other names, so that nothing is remembered: another byte at the end of each.
            uploaded = []
            for path in paths[:-1]:
                copy = folder / path.name
                copy.write_bytes(path.read_bytes() + os.urandom(8))
                uploaded.append({"path": other.upload(copy)})
            done: list[Any] = []
            thread = threading.Thread(target=lambda: done.append(other.call("rank_images", files=uploaded)))  # noqa: B023
            thread.start()
            time.sleep(1)
            busy = []
            with Watch(pid) as watch:
                while thread.is_alive():
                    busy += latencies(visitor, single, 1)
            rounds.append((p95(idle), p95(busy)))
            print(
                f"idle p50 {statistics.median(idle):.0f} p95 {p95(idle):.0f} ms, beside a gallery p50 "
                f"{statistics.median(busy):.0f} p95 {p95(busy):.0f} ms of {len(busy)}: {p95(busy) / p95(idle):.2f} "
                f"times; {watch.most_mb:.0f} MB, {watch.most_workers} workers",
                flush=True,
            )
        ratios = [busy / idle for idle, busy in rounds]
        print(f"p95 against idle: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def attacks(folder: Path, options: argparse.Namespace) -> None:
    """A single photo while hostile files are sent, 8 at once; one app for all of them."""
    (sound,) = make_photos(folder / "photos", photographs(), 1, (0.5, 1.0))
    with app() as (url, pid):
        visitor = Visitor(url)
        single = visitor.upload(Path(sound))
        latencies(visitor, single, 10)
        config = json.loads(visitor.get("/config"))
        ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        idle_mb, _ = memory_mb(pid)
        print(f"idle: {idle_mb:.0f} MB")
        print("attack                            idle p95      p95   times      MB  workers  back to idle after")
        worst = 0.0
        for name, make in {**HOSTILE_PHOTOS, **HOSTILE_VIDEOS}.items():
            if options.names and not any(wanted in name for wanted in options.names):
                continue
            hostile = folder / "hostile"
            hostile.write_bytes(make())
            uploaded = visitor.upload(hostile)
            idle = latencies(visitor, single, 20)
            calls = _calls_of(name, uploaded, ids)
            turn = itertools.count()
            asked = 0

            def attack() -> None:
                nonlocal asked
                calls[next(turn) % len(calls)](Visitor(url))  # noqa: B023
                asked += 1

            with Watch(pid) as watch:
                end = beside(8, attack)
                time.sleep(2)
                busy = []
                until = time.monotonic() + options.seconds
                while time.monotonic() < until:
                    busy += latencies(visitor, single, 1)
                end()
            ended = time.monotonic()
            while memory_mb(pid)[0] > 1.2 * idle_mb and time.monotonic() - ended < 90:
                time.sleep(0.5)
            worst = max(worst, p95(busy) / p95(idle))
            print(
                f"{name:33} {p95(idle):8.0f} {p95(busy):8.0f} {p95(busy) / p95(idle):7.1f} {watch.most_mb:7.0f} "
                f"{watch.most_workers:8d} {time.monotonic() - ended:8.0f} s   {len(busy)} photos, {asked} attacks",
                flush=True,
            )
        print(f"worst: {worst:.1f} times")


def _calls_of(name: str, uploaded: str, ids: dict[str, int]) -> list[Callable[[Visitor], Any]]:
    """The ways to have a file read."""
    if name in HOSTILE_VIDEOS:
        return [
            lambda one: one.call("rank_video", video={"path": uploaded}, every_n=1),
            lambda one: one.page_function(ids["video"], "frame", uploaded, 1),
        ]
    return [
        lambda one: one.call("score_image", image={"path": uploaded}),
        lambda one: one.call("rank_images", files=[{"path": uploaded}] * 3),
        lambda one: one.page_function(ids["rank"], "preview", uploaded, 360),
    ]


def clients(folder: Path, options: argparse.Namespace) -> None:
    """Many clients at once; every answer is checked."""
    paths = [Path(path) for path in make_photos(folder / "photos", photographs(), 12, (0.5, 1.0))]
    scorer = popscore.load_scorer()
    expected = {path.name: round(scorer.score(path).score, 4) for path in paths}
    outcomes: Counter[str] = Counter()
    times: list[float] = []
    left = iter(range(options.requests))
    lock = threading.Lock()
    with app() as (url, pid):
        first = Visitor(url)
        uploaded = {path.name: first.upload(path) for path in paths}

        def one(visitor: Visitor, number: int) -> str:
            chosen = random.Random(number).sample(paths, 1 if number % 10 else 6)  # noqa: S311
            files = [{"path": uploaded[path.name], "orig_name": path.name} for path in chosen]
            began = time.perf_counter()
            if len(files) == 1:
                kind, answer = visitor.call("score_image", image=files[0])
                found = answer and [answer[0]] if kind == "complete" else None
            else:
                kind, answer = visitor.call("rank_images", files=files)
                found = answer[0]["results"] if kind == "complete" else None
            with lock:
                times.append(1000 * (time.perf_counter() - began))
            if found is None:
                return "queue is full" if "queue" in str(answer).lower() else f"failed: {str(answer)[:80]}"
            right = {path.name: expected[path.name] for path in chosen}
            return "right" if {item["file"]: item["score"] for item in found} == right else "WRONG"

        def client() -> None:
            visitor = Visitor(url)
            while True:
                with lock:
                    number = next(left, None)
                if number is None:
                    return
                try:
                    outcome = one(visitor, number)
                except RuntimeError as error:
                    outcome = "queue is full" if "queue" in str(error).lower() else f"failed: {error}"
                except (OSError, http.client.HTTPException, ValueError) as error:
                    outcome = f"failed: {error!r}"
                    visitor = Visitor(url)
                with lock:
                    outcomes[outcome] += 1

        began = time.perf_counter()
        with Watch(pid) as watch:
            threads = [threading.Thread(target=client) for _ in range(options.clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        took = time.perf_counter() - began
    print(
        f"{options.clients} clients, {options.requests} requests in {took:.0f} s: {dict(outcomes)}; "
        f"p50 {statistics.median(times):.0f} p95 {p95(times):.0f} ms; {watch.most_mb:.0f} MB"
    )


def sessions(folder: Path, options: argparse.Namespace) -> None:
    """Memory after many visits, each with a page function and a call."""
    (sound,) = make_photos(folder / "photos", photographs(), 1, (0.5, 1.0))
    with app() as (url, pid):
        visitor = Visitor(url)
        single = visitor.upload(Path(sound))
        latencies(visitor, single, 5)
        time.sleep(3)
        idle_mb, _ = memory_mb(pid)
        config = json.loads(visitor.get("/config"))
        ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        for number in range(options.visits):
            body = {"component_id": ids["rank"], "fn_name": "verdict", "data": [], "session_hash": f"visit{number}"}
            visitor._json("POST", "component_server", json.dumps(body).encode(), "application/json")
            if number % 10 == 0:
                visitor.call("model_info")
            if number % 1000 == 999:
                print(f"after {number + 1}: {memory_mb(pid)[0] - idle_mb:+.0f} MB", flush=True)
        print(f"idle {idle_mb:.0f} MB, after {options.visits} visits {memory_mb(pid)[0] - idle_mb:+.0f} MB")


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["gallery", "attacks", "clients", "sessions"])
    parser.add_argument("names", nargs="*", help="attacks: only those with one of these words in their names")
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--visits", type=int, default=10_000)
    options = parser.parse_args()
    ways = {"gallery": gallery, "attacks": attacks, "clients": clients, "sessions": sessions}
    with tempfile.TemporaryDirectory() as folder:
        ways[options.what](Path(folder), options)


if __name__ == "__main__":
    main()
