"""What a memory bank costs.

    python tests/benchmarks/bank.py [--posts 5000] [--photos 48] [--rounds 15]

- Building: photos of 1440 x 1080 (the size of Instagram) and of 12 megapixels, photographs of scikit-image made larger,
  with grain, as JPEG of quality 90, each counted once; measured on few and counted up to `--posts`.
- A query, without and with pose and background, against one score of the same photo (read, decoded, scored), rounds
  interleaved, in CPU time. Photos of a person and of none: where nobody is, the outline and the background cost
  nothing. For one thread of sums, as in a gallery where photos run beside each other: OPENBLAS_NUM_THREADS=1
- The file of a bank of `--posts` posts with made-up numbers: bytes per post, and the time to open it.
- The first answer of such a bank, which learns; and each following one, apart from the photo.
"""

import argparse
import csv
import io
import statistics
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
    options = parser.parse_args()
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
