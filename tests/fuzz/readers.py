"""Feeds damaged files to the readers of photos and videos: nothing but PopscoreError may come out of them.

    python -m tests.fuzz.readers photos --seconds 600
    python -m tests.fuzz.readers videos --seeds 400 --first 1000
    python -m tests.fuzz.readers videos --guided --seconds 600     (needs: pip install atheris)

Each seed gives one file, always the same. A process of its own reads them, within 2 GB: a crash, a traceback, more
than 5 seconds of work or more than 500 MB are findings. They are told with their seed, and the file is kept.
"""

import argparse
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.mutations import corpus, mutated

ROOT = Path(__file__).parents[2]
MAX_SECONDS, MAX_MEGABYTES = 5.0, 500
_ADDRESS_SPACE_BYTES = 2 << 30
# Of an idle process. On a busy machine, five seconds of work may last a minute.
_MAX_WALL_SECONDS = 60.0
_FRAMES = 12


# --- the process that reads ---------------------------------------------------------------------------


def read(group: str, path: Path) -> str:
    """Read a file as popscore does. Returns how that ended, if it ended as it should."""
    from popscore.errors import PopscoreError

    try:
        if group == "photos":
            from popscore.photos.decode import read_photo

            read_photo(path.read_bytes(), at_least=(480, 480))
            return "read"
        from popscore.video.decoding.opening import open_video
        from popscore.video.decoding.video import VideoLimits

        video = open_video(path, name="file", limits=VideoLimits(), stop=lambda: False)
        step = max(1, video.frame_count // _FRAMES)
        for frame in video.frames(range(0, min(video.frame_count, _FRAMES * step), step), stop=lambda: False):
            frame.image((64, 64))
        for frame in video.keyframes_alone(list(video.keyframes())[:4], stop=lambda: False):
            frame.image()
        video.sizes()
        return "read, with troubles" if video.troubles else "read"
    except PopscoreError as error:
        message = str(error)
        if not message.startswith(("file ", "the photo ")) or not message.endswith("."):
            raise AssertionError(f"not a message for people: {message}") from error
        return type(error).__name__


def _memory_kb(field: str) -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return int(next(line for line in status if line.startswith(field)).split()[1])


def _work(group: str, folder: Path) -> None:
    """Read the files of the seeds that come in, one a line; answer with how it ended, seconds and megabytes."""
    import faulthandler

    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES,) * 2)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    path = Path(tempfile.mkdtemp(dir=folder.parent)) / "file"
    for name in sorted(files):  # what is loaded for the first time is no growth
        path.write_bytes(files[name])
        read(group, path)
    idle_kb = _memory_kb("VmRSS")
    print("ready", flush=True)
    for line in sys.stdin:
        name, content = mutated(files, int(line))
        path.write_bytes(content)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest memory is counted anew
        start_s = time.process_time()
        ended = read(group, path)
        spent_s = time.process_time() - start_s
        grown_mb = (_memory_kb("VmHWM") - idle_kb) / 1024
        print(json.dumps([name, ended, spent_s, grown_mb]), flush=True)


# --- the process that watches -------------------------------------------------------------------------


@dataclass
class Finding:
    """A file that was not read as it should."""

    seed: int
    what: str
    file: Path


class Watcher:
    """Runs the process that reads, and starts it anew after each finding."""

    def __init__(self, group: str, save: Path) -> None:
        self.group = group
        self.counts: dict[str, int] = {}
        self.findings: list[Finding] = []
        self.slowest: tuple[float, int] = (0.0, -1)
        self.largest: tuple[float, int] = (0.0, -1)
        self._save = save
        self._files = corpus(group)
        self._folder = Path(tempfile.mkdtemp(prefix="popscore-fuzz-"))
        (self._folder / "valid").mkdir()
        for name, content in self._files.items():
            (self._folder / "valid" / name).write_bytes(content)
        self._errors = self._folder / "errors.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, seed: int) -> None:
        """Have the file of a seed read."""
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(b"%d\n" % seed)
        process.stdin.flush()
        answer = self._answer(process)
        if answer is None:
            self._found(seed, self._death(process))
            return
        _, ended, spent_s, grown_mb = json.loads(answer)
        self.counts[ended] = self.counts.get(ended, 0) + 1
        self.slowest = max(self.slowest, (spent_s, seed))
        self.largest = max(self.largest, (grown_mb, seed))
        if spent_s > MAX_SECONDS:
            self._found(seed, f"{spent_s:.1f} seconds of work")
        if grown_mb > MAX_MEGABYTES:
            self._found(seed, f"{grown_mb:.0f} MB")

    def close(self) -> None:
        """End the process that reads."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            command = [sys.executable, "-m", "tests.fuzz.readers", self.group, "--work", str(self._folder / "valid")]
            with open(self._errors, "wb") as errors:
                self._process = subprocess.Popen(
                    command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
                )
            if self._answer(self._process) != b"ready\n":
                raise SystemExit(f"The valid files cannot be read:\n{self._death(self._process)}")
        return self._process

    def _answer(self, process: "subprocess.Popen[bytes]") -> bytes | None:
        """The next line; None if the process ended, or works for too long."""
        assert process.stdout is not None
        begun_s, until_s = _cpu_seconds(process.pid), time.monotonic() + _MAX_WALL_SECONDS
        while not select.select([process.stdout], [], [], 1.0)[0]:
            if time.monotonic() > until_s or _cpu_seconds(process.pid) - begun_s > 2 * MAX_SECONDS + 10:
                process.send_signal(signal.SIGABRT)  # faulthandler then says where it was
                process.wait(10)
                return None
        return process.stdout.readline() or None

    def _death(self, process: "subprocess.Popen[bytes]") -> str:
        try:
            status: int | str = process.wait(10)
        except subprocess.TimeoutExpired:
            status = "hangs"
        self.close()
        last = self._errors.read_text(encoding="utf-8", errors="replace").splitlines()[-25:]
        return "\n    ".join([f"ended with {status}", *last])

    def _found(self, seed: int, what: str) -> None:
        name, content = mutated(self._files, seed)
        self._save.mkdir(parents=True, exist_ok=True)
        file = self._save / f"{self.group}-{seed}-{name}"
        file.write_bytes(content)
        self.findings.append(Finding(seed, what, file))
        print(f"seed {seed}, made from {name}, kept as {file}: {what}", flush=True)


def _cpu_seconds(process_id: int) -> float:
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- guided by coverage -------------------------------------------------------------------------------


def _guided(group: str, seconds: float) -> None:
    """Atheris chooses the files by which lines of Python they reach. It sees nothing of the decoders' C."""
    try:
        import atheris
    except ImportError:
        raise SystemExit("--guided needs a library that is not there. Get it with: pip install atheris") from None
    folder = Path(tempfile.mkdtemp(prefix="popscore-fuzz-"))
    valid = corpus(group)
    for name, content in valid.items():
        (folder / name).write_bytes(content)
    with atheris.instrument_imports(include=["popscore.photos", "popscore.video", "popscore.files"]):
        from popscore.photos import decode  # noqa: F401
        from popscore.video.decoding import opening  # noqa: F401
    path = Path(tempfile.mkdtemp()) / "file"

    def one(content: bytes) -> None:
        path.write_bytes(content)
        read(group, path)

    options = [f"-max_total_time={seconds:.0f}", "-timeout=30", "-rss_limit_mb=2048", "-max_len=200000"]
    atheris.Setup([sys.argv[0], *options, str(folder)], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=("photos", "videos"))
    parser.add_argument("--seconds", type=float, default=0, help="how long; without it, so many seeds")
    parser.add_argument("--seeds", type=int, default=300, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--save", type=Path, default=Path(tempfile.gettempdir()) / "popscore-fuzz-findings")
    parser.add_argument("--guided", action="store_true", help="choose files by coverage, with atheris")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        _work(options.group, options.work)
        return 0
    if options.guided:
        _guided(options.group, options.seconds or 60)
        return 0
    watcher = Watcher(options.group, options.save)
    started_s, seed = time.monotonic(), options.first
    try:
        while (
            (time.monotonic() - started_s < options.seconds)
            if options.seconds
            else seed < options.first + options.seeds
        ):
            watcher.run(seed)
            seed += 1
    finally:
        watcher.close()
    print(f"{seed - options.first} files in {time.monotonic() - started_s:.0f} s: {watcher.counts}")
    print("slowest {:.2f} s (seed {}), largest {:.0f} MB (seed {})".format(*watcher.slowest, *watcher.largest))
    print(f"{len(watcher.findings)} findings")
    return 1 if watcher.findings else 0


if __name__ == "__main__":
    sys.exit(main())
