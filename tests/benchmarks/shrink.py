"""What making photos smaller in the browser saves, takes, and does to their scores.

    python tests/benchmarks/shrink.py --photos FOLDER [--count 100] [--way 840:0.9:jpeg ...] [--noise 9]
        [--as-they-are]

A way is the shorter side that is left, the quality and the format; several are compared in turn. The photos of FOLDER
are enlarged to 12 megapixels, get the noise of a camera and are saved at quality 90, so that they cost what a phone
photo costs. What enlarged photos lack is detail: photos of a camera are larger than these both before and after, so
the bytes are not those of every camera. With --as-they-are the photos of FOLDER are taken as they lie. Needs Chromium
and Playwright, as the tests of the page do. Prints medians and spread.
"""

import argparse
import base64
import functools
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore import load_scorer
from popscore.metrics import swapped_pairs
from popscore.scoring.scorer import Scorer
from popscore.ui.kit.assets import shared_scripts

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_PIXELS = 12e6
_SHRINK = """async ([path, options]) => {
  const content = await (await fetch(path)).blob();
  const file = new File([content], 'photo.jpg');
  window.shrinkers ??= {};
  const shrinker = window.shrinkers[JSON.stringify(options)] ??= popscore.shrinker(options);
  const start = performance.now();
  const answer = await shrinker.shrink(file);
  const ms = performance.now() - start;
  if (answer.whole) return {ms, reason: answer.reason};
  const address = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(answer.file);
  });
  return {ms, content: address.split(',')[1], small: answer.small.size};
}"""
_TOGETHER = """async ([paths, options]) => {
  const contents = await Promise.all(paths.map(async (path) => (await fetch(path)).blob()));
  const shrinker = popscore.shrinker(options);
  const start = performance.now();
  await Promise.all(contents.map((content) => shrinker.shrink(new File([content], 'photo.jpg'))));
  return (performance.now() - start) / paths.length;
}"""
_AT_ONCE = 12

Scores = tuple[np.ndarray, np.ndarray]
"""Of the whole photos, as popscore decodes them and decoded in full."""


@dataclass(frozen=True)
class Way:
    """How photos are made smaller."""

    short_side: int
    quality: float
    kind: str

    @classmethod
    def read(cls, text: str) -> "Way":
        side, quality, kind = text.split(":")
        return cls(int(side), float(quality), kind)

    def options(self) -> dict[str, Any]:
        return {"shortSide": self.short_side, "quality": self.quality, "type": f"image/{self.kind}"}

    def __str__(self) -> str:
        return f"{self.short_side} {self.kind} {self.quality}"


# --- the photos --------------------------------------------------------------------------------------


def spread_out(folder: Path, count: int) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    return [found[round(at)] for at in np.linspace(0, len(found) - 1, min(count, len(found)))]


def make_photo(source: Path, target: Path, seed: int, noise: int) -> Path:
    """A photo of 12 megapixels, of the shape it has."""
    with Image.open(source) as opened:
        photo = opened.convert("RGB")
    scale = (_PIXELS / (photo.width * photo.height)) ** 0.5
    size = round(scale * photo.width), round(scale * photo.height)
    pixels = np.asarray(photo.resize(size, Image.Resampling.LANCZOS), np.int16)
    grain = np.random.default_rng(seed).integers(-noise, noise + 1, (*pixels.shape[:2], 1), np.int16)
    Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8)).save(target, quality=90)
    return target


# --- the browser -------------------------------------------------------------------------------------


class _Pages(BaseHTTPRequestHandler):
    """An empty page with the scripts that all tabs share, and the photos by their numbers."""

    def __init__(self, photos: Sequence[Path], *given: Any) -> None:
        self._photos = photos
        super().__init__(*given)

    def do_GET(self) -> None:
        number = self.path.removeprefix("/")
        content = self._photos[int(number)].read_bytes() if number.isdecimal() else shared_scripts().encode()
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg" if number.isdecimal() else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def page_for(photos: Sequence[Path]) -> Iterator[Page]:
    chromium = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Pages, photos))  # a page with workers needs one
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        browser.close()
    server.shutdown()


# --- measuring ---------------------------------------------------------------------------------------


def spread(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def score_of(scorer: Scorer, photo: Path | bytes) -> float:
    return scorer.score(photo).score


def measure(page: Page, way: Way, photos: Sequence[Path], scorer: Scorer, scores: Scores) -> None:
    """One line for one way."""
    bytes_before, bytes_after, times_ms, kept, after, reasons = [], [], [], [], [], []
    for number, photo in enumerate(photos):
        answer = page.evaluate(_SHRINK, [f"/{number}", way.options()])
        if "content" not in answer:
            reasons.append(answer["reason"])
            continue
        content = base64.b64decode(answer["content"])
        bytes_before.append(photo.stat().st_size)
        bytes_after.append(len(content))
        times_ms.append(answer["ms"])
        kept.append(number)
        after.append(score_of(scorer, content))
    if len(after) < 2:
        print(f"{way}: too few photos were made smaller: {reasons}")
        return
    together_ms = page.evaluate(
        _TOGETHER, [[f"/{number}" for number in range(min(_AT_ONCE, len(photos)))], way.options()]
    )
    times = [large / small for large, small in zip(bytes_before, bytes_after, strict=True)]
    before, in_full = (known[kept] for known in scores)
    moved, moved_from_full = (np.array(after) - known for known in (before, in_full))
    print(
        f"{way!s:<16}{spread([size / 1e3 for size in bytes_after]):>18}{spread(times, 1):>22}"
        f"{sum(bytes_before) / sum(bytes_after):>8.1f}{spread(times_ms):>20}{together_ms:>10.0f}{moved.std():>9.4f}"
        f"{moved.mean():>9.4f}{np.abs(moved).max():>8.3f}{100 * swapped_pairs(before, after):>11.2f}"
        f"{moved_from_full.std():>12.4f}" + (f"  whole: {len(reasons)} {sorted(set(reasons))}" if reasons else ""),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, nargs="+", help="folders with photographs")
    parser.add_argument("--count", type=int, default=100, help="photos in all")
    parser.add_argument("--way", type=Way.read, nargs="+", default=[Way(840, 0.9, "jpeg")])
    parser.add_argument("--noise", type=int, default=9, help="grey levels up and down, as in rank_gallery.py")
    parser.add_argument("--as-they-are", action="store_true", help="do not enlarge the photos")
    options = parser.parse_args()
    share = -(-options.count // len(options.photos))
    sources = [path for folder in options.photos for path in spread_out(folder, share)]
    if len(sources) < 2:
        parser.exit(2, f"shrink needs photographs: there are {len(sources)}\n")

    scorer, exact = load_scorer(), load_scorer(exact=True)
    with tempfile.TemporaryDirectory(prefix="shrink") as work:
        photos = sources
        if not options.as_they_are:
            photos = [
                make_photo(source, Path(work) / f"{at:04d}.jpg", at, options.noise) for at, source in enumerate(sources)
            ]
        start_s = time.perf_counter()
        whole = np.array([score_of(scorer, photo) for photo in photos])
        score_ms = 1000 * (time.perf_counter() - start_s) / len(photos)
        full = np.array([score_of(exact, photo) for photo in photos])
        megabytes = [photo.stat().st_size / 1e6 for photo in photos]
        print(f"{len(photos)} photos, {spread(megabytes, 1)} MB, scored whole in {score_ms:.0f} ms each")
        apart = whole - full
        print(
            f"scores: sd {whole.std():.2f}; whole against decoded in full: sd of differences {apart.std():.4f}, "
            f"mean {apart.mean():+.4f}, {100 * swapped_pairs(whole, full):.2f} % of pairs swapped"
        )
        print(
            f"{'way':<16}{'kB':>18}{'times fewer bytes':>22}{'in all':>8}{'ms alone':>20}{'ms of 12':>10}{'sd':>9}"
            f"{'mean':>9}{'max':>8}{'swapped %':>11}{'sd to full':>12}"
        )
        with page_for(photos) as page:
            for way in options.way:
                measure(page, way, photos, scorer, (whole, full))


if __name__ == "__main__":
    main()
