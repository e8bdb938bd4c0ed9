"""What a memory bank costs.

    python tests/benchmarks/bank.py [--posts 5000] [--photos 48] [--rounds 15] [--whole]

- Building: photos of 1440 x 1080 (the size of Instagram) and of 12 megapixels, photographs of scikit-image made larger,
  with grain, as JPEG of quality 90, each counted once; measured on few and counted up to `--posts`.
- `--whole` does nothing but `bank add` with all `--posts`, as a person would: half way it is stopped with Ctrl-C, what
  was kept is counted, and the command is given again. Wall clock and CPU time of both; 3 GB of photos on the disk.
- A query, without and with pose and background, against one score of the same photo (read, decoded, scored), rounds
  interleaved, in CPU time. Photos of a person and of none: where nobody is, the outline and the background cost
  nothing. For one thread of sums, as in a gallery where photos run beside each other: OPENBLAS_NUM_THREADS=1
- The file of a bank of `--posts` posts with made-up numbers: bytes per post, and the time to open it.
- The first answer of such a bank, which learns; and each following one, apart from the photo.
"""

import argparse
import csv
import io
import os
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

import popscore
from popscore.cpus import usable_cpus
from popscore.personal.adding import packed
from popscore.personal.bank import MemoryBank, add_to_file
from popscore.personal.bank_file import connect, transaction
from popscore.personal.captions import packed_caption
from popscore.personal.looking import Seen
from popscore.personal.retrieval import PAPER
from popscore.personal.source import Source

_SIZES = {"1440 x 1080": (1440, 1080), "12 megapixels": (4000, 3000)}
_NAMES = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg")
_DIMENSIONS = 2480


def main() -> None:
    """Measure, and print medians with their spread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=5000)
    parser.add_argument("--photos", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--no-people", action="store_true", help="with --whole: neither poses nor backgrounds")
    options = parser.parse_args()
    if options.whole:
        with tempfile.TemporaryDirectory() as temporary:
            _whole(Path(temporary), options.posts, people=not options.no_people)
        return
    scorer = popscore.load_scorer()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, size in _SIZES.items():
            _build(folder / name.replace(" ", "-"), name, size, options.photos, options.posts, scorer)
        file = folder / "large.bank"
        _made_up(file, options.posts, scorer)
        _opening(file, options.posts, options.rounds, scorer)
        _queries(file, options.rounds, scorer)


def _build(folder: Path, name: str, size: tuple[int, int], photos: int, posts: int, scorer: popscore.Scorer) -> None:
    (folder / "photos").mkdir(parents=True)
    with open(folder / "posts.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("id", "image", "time", "likes", "caption"))
        for number in range(photos):
            (folder / "photos" / f"{number}.jpg").write_bytes(_photo(_NAMES[number % len(_NAMES)], size, number))
            table.writerow((f"p{number}", f"{number}.jpg", 1_700_000_000 + 86_400 * number, 10 + number, "a caption"))
    source = Source(posts=folder / "posts.csv", images=folder / "photos")
    for people in (False, True):
        bank = folder / f"{people}.bank"
        start, start_cpu = time.perf_counter(), time.process_time()
        add_to_file(bank, source, scorer=scorer, people=people)
        each_s, each_cpu_s = (time.perf_counter() - start) / photos, (time.process_time() - start_cpu) / photos
        words = "with people" if people else "without   "
        cpus = usable_cpus()
        print(
            f"building, {name}, {words}: a post takes {1000 * each_s:.0f} ms on {cpus} CPUs, and "
            f"{1000 * each_cpu_s:.0f} ms of CPU time; {posts} posts in {posts * each_s / 60:.1f} min, or "
            f"{posts * each_cpu_s / cpus / 60:.1f} min of CPU time on {cpus} CPUs; "
            f"{bank.stat().st_size / photos:.0f} bytes a post"
        )


def _whole(folder: Path, posts: int, *, people: bool) -> None:
    """The command with all posts, stopped half way and given again."""
    photos, bank, table = folder / "photos", folder / "me.bank", folder / "posts.csv"
    photos.mkdir()
    originals = [_photo(_NAMES[number % 4], _SIZES["1440 x 1080"], number) for number in range(48)]
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "image", "time", "likes", "caption"))
        for number in range(posts):
            # A comment of its own makes each file one that was not seen before.
            photo, mark = originals[number % len(originals)], f"{number:08}".encode()
            (photos / f"{number}.jpg").write_bytes(photo[:2] + b"\xff\xfe\x00\x0a" + mark + photo[2:])
            rows.writerow((f"p{number}", f"{number}.jpg", 1_600_000_000 + 20_000 * number, 10 + number, "a caption"))
    command = [
        sys.executable,
        "-m",
        "popscore",
        "bank",
        "add",
        str(table),
        "--images",
        str(photos),
        "--bank",
        str(bank),
    ]
    command += [] if people else ["--no-people"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with (folder / "said").open("wb") as said:
        # A command in the background has Ctrl-C ignored; one in a window has not.
        running = subprocess.Popen(
            command, stdout=said, stderr=said,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        while running.poll() is None and _kept(bank) < posts // 2:
            time.sleep(1)
        seen_s, asked_s = _kept(bank), time.perf_counter()
        running.send_signal(signal.SIGINT)
        status = running.wait()
        stopped_s = time.perf_counter() - asked_s
        kept = _kept(bank)
        again = subprocess.run(command, stdout=said, stderr=said, check=False).returncode
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    cpus, who = usable_cpus(), "with people" if people else "without people"
    print(
        f"bank add, {posts} posts of 1440 x 1080, {who}, load {os.getloadavg()[1]:.1f} on {cpus} CPUs:"
        f" {wall_s / 60:.1f} min of wall clock, {cpu_s / 60:.1f} min of CPU time, which is "
        f"{cpu_s / cpus / 60:.1f} min on {cpus} CPUs; {bank.stat().st_size / posts:.0f} bytes a post"
    )
    print(
        f"Ctrl-C at {seen_s} pictures: status {status} after {stopped_s:.1f} s, {kept} kept; given again: status "
        f"{again}, {_kept(bank)} pictures"
    )
    print((folder / "said").read_text(encoding="utf-8", errors="replace")[-600:])


def _kept(bank: Path) -> int:
    """Pictures that the file has."""
    if not bank.is_file():
        return 0
    try:
        connection = sqlite3.connect(f"{bank.as_uri()}?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT count(*) FROM pictures").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.OperationalError:  # the tables are not there yet, or it is being written to
        return 0


def _photo(name: str, size: tuple[int, int], seed: int) -> bytes:
    folder = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"  # type: ignore[union-attr]
    pixels = np.asarray(Image.open(folder / name).convert("RGB").resize(size, Image.Resampling.BICUBIC), np.int16)
    grain = np.random.default_rng(seed).integers(-6, 7, pixels.shape)
    packed_photo = io.BytesIO()
    Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)).save(packed_photo, "JPEG", quality=90)
    return packed_photo.getvalue()


def _made_up(file: Path, posts: int, scorer: popscore.Scorer) -> None:
    rng = np.random.default_rng(0)
    model = scorer.model.sha256
    with transaction(connection := connect(file, write=True)):
        connection.execute("INSERT INTO models VALUES (?, ?, ?)", (model, "made up", _DIMENSIONS))
        for number in range(posts):
            seen = np.maximum(rng.normal(size=_DIMENSIONS), 0).astype(np.float32)
            picture = number.to_bytes(32, "big")
            pose = rng.random((17, 3)).astype(np.float32)
            row = (picture, model, float(rng.normal(3, 1.5)), packed(seen), 1, packed(pose), packed(seen))
            connection.execute("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            time_ms = 1_500_000_000_000 + number * 86_400_000 // 2
            cells = (
                f"post-{number}",
                time_ms,
                int(100 * 2 ** rng.normal()),
                picture,
                packed_caption(f"day {number} #x"),
            )
            connection.execute("INSERT INTO posts VALUES (?, ?, ?, ?, ?)", cells)
    connection.close()
    print(f"a bank of {posts} posts with a person on each: {file.stat().st_size / posts:.0f} bytes a post")


def _opening(file: Path, posts: int, rounds: int, scorer: popscore.Scorer) -> None:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        MemoryBank.open(file, scorer=scorer)
        times.append(time.process_time() - start)
    _print(f"opening it ({posts} posts), CPU time", times)
    bank = MemoryBank.open(file, scorer=scorer)
    start = time.process_time()
    bank._keeper.stored(people=False)
    print(f"reading what was seen: {1000 * (time.process_time() - start):.0f} ms of CPU time, once")
    start = time.process_time()
    bank.learnt  # noqa: B018
    print(f"learning from it: {1000 * (time.process_time() - start):.0f} ms of CPU time, once")
    seen = Seen(score=3.0, embedding=bank.stored.embeddings[0])
    times = []
    for _ in range(rounds):
        start = time.process_time()
        bank.judge(seen)
        times.append(time.process_time() - start)
    _print("judging one picture, CPU time", times)


def _queries(file: Path, rounds: int, scorer: popscore.Scorer) -> None:
    bank = MemoryBank.open(file, scorer=scorer)
    usual, thorough = bank.scorer(scorer), bank.with_retrieval(PAPER).scorer(scorer)
    for size_name, size in _SIZES.items():
        for who, name in (("a person", "astronaut.png"), ("nobody", "coffee.png")):
            photo = _photo(name, size, 1)
            sides: dict[str, Callable[[], object]] = {
                "score": lambda photo=photo: scorer.score(photo),  # type: ignore[misc]
                "bank": lambda photo=photo: usual.score(photo),  # type: ignore[misc]
                "pose, background": lambda photo=photo: thorough.score(photo),  # type: ignore[misc]
            }
            times: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(rounds):
                for side, work in sides.items():
                    start = time.process_time()
                    work()
                    times[side].append(time.process_time() - start)
            plain = times["score"]
            print(f"{size_name}, {who}:")
            for side, spent in times.items():
                ratios = sorted(a / b for a, b in zip(spent, plain, strict=True))
                _print(f"  {side}", spent, f"; {statistics.median(ratios):.2f} scores")


def _print(name: str, times: list[float], more: str = "") -> None:
    ordered = sorted(1000 * one for one in times)
    low, high = ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]
    print(f"{name}: {statistics.median(ordered):.1f} ms ({low:.1f} to {high:.1f}){more}")


if __name__ == "__main__":
    main()
