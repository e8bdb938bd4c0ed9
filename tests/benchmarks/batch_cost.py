"""Whether `popscore.batch.cost` predicts a batch: measures its constants, predicts runs, runs them.

    python tests/benchmarks/batch_cost.py [--runs 1000 10000] [--calibrate 60] [--workers 2]

Constants come from small runs with pictures of three sizes and the embedded model, and from one with a model that
computes nothing, which tells the model's part from the rest. Then larger runs, of other sizes, are predicted and run.
CPU time is what a prediction can be held to; wall time too where nobody else uses the machine: the load is printed.
Ends with a table for 10^6 to 10^9 pictures.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from onnx_files import tiny  # noqa: E402
from rank_gallery import photographs  # noqa: E402

from popscore.batch.cost import Rates, fitted, predict  # noqa: E402
from popscore.batch.door import batch  # noqa: E402
from popscore.batch.summary import BatchSummary  # noqa: E402
from popscore.settings import Settings  # noqa: E402

_DISTINCT = 40  # pictures that differ; the others are the same files under other names
_SIDES = {"small": (500, 375), "medium": (2000, 1500), "large": (4000, 3000)}


def make_pictures(folder: Path, count: int, size: tuple[int, int]) -> float:
    """JPEGs of photographs; the mean bytes of one."""
    folder.mkdir()
    sources, chance, total = photographs(), np.random.default_rng(1), 0
    for number in range(count):
        target = folder / f"{number:07}.jpg"
        if number >= _DISTINCT:
            os.link(folder / f"{number % _DISTINCT:07}.jpg", target)
            total += target.stat().st_size
            continue
        with Image.open(sources[number % len(sources)]) as opened:
            photo = opened.convert("RGB")
        share = chance.uniform(0.5, 1)
        width, height = (round(share * side) for side in photo.size)
        left, top = chance.integers(0, photo.width - width + 1), chance.integers(0, photo.height - height + 1)
        pixels = np.asarray(photo.resize(size, box=(left, top, left + width, top + height)), np.int16)
        noise = chance.integers(-9, 10, (*pixels.shape[:2], 1), dtype=np.int16)
        Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(target, quality=90)
        total += target.stat().st_size
    return total / count


def run(folder: Path, out: Path, workers: int, settings: Settings) -> BatchSummary:
    """One batch; what Ray prints goes to standard error."""
    shutil.rmtree(out, ignore_errors=True)
    with redirect_stdout(sys.stderr):
        summary = batch(folder, out=out, workers=workers, settings=settings)
    assert not summary.failed
    return summary


def picture_s(summary: BatchSummary) -> float:
    """CPU time of one picture."""
    return summary.cpu_hours * 3600 / summary.written


def calibrate(folder: Path, count: int, workers: int, without: Settings) -> Rates:
    """The constants of this machine."""
    found: dict[str, BatchSummary] = {}
    for name, size in _SIDES.items():
        make_pictures(folder / name, count, size)
        found[name] = run(folder / name, folder / "out", workers, Settings())
        print(f"  {size[0]} x {size[1]}: {1000 * picture_s(found[name]):.1f} ms of CPU a picture", flush=True)
    bare = run(folder / "small", folder / "out", workers, without)
    megapixels = [width * height / 1e6 for width, height in _SIDES.values()]
    together_s, megapixel_s = fitted(megapixels, [picture_s(one) for one in found.values()])
    model_s = max(0.0, picture_s(found["small"]) - picture_s(bare))
    return Rates(
        fixed_s=max(0.0, together_s - model_s),
        megapixel_s=megapixel_s,
        model_s=min(model_s, together_s),
        start_s=float(np.median([one.start_seconds for one in found.values()])),
        block_s=block_s(),
        row_bytes=found["small"].written_bytes / found["small"].written,
    )


class _Nothing:
    """What a worker does with a block: nothing."""

    def __call__(self, rows: Any) -> Any:
        """The same rows."""
        return rows


def block_s() -> float:
    """CPU time of Ray's driver for a block: of 600 that two actors do nothing with, less that of 200.

    CPU time, since the driver is one process, which can do nothing faster than that.
    """
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        used: list[float] = []
        for count in (8, 200, 600):
            blocks = [pa.table({"id": [str(row) for row in range(20)]}) for _ in range(count)]
            began = time.process_time()
            rows = ray.data.from_arrow(blocks)
            rows.map_batches(
                _Nothing, batch_size=None, batch_format="pyarrow", compute=ray.data.ActorPoolStrategy(size=2)
            ).materialize()
            used.append(time.process_time() - began)
        return (used[2] - used[1]) / 400
    finally:
        ray.shutdown()


def main() -> None:
    """Measure, predict, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--calibrate", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bare", action="store_true", help="run with the model that computes nothing")
    options = parser.parse_args()
    size = (640, 480)  # none of those that were measured
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "tiny.onnx").write_bytes(tiny())
        without = Settings(model_path=folder / "tiny.onnx")
        rates = calibrate(folder, options.calibrate, options.workers, without)
        print(f"{rates}\nload {os.getloadavg()[0]:.0f} on {os.cpu_count()} CPUs", flush=True)
        used, settings = (replace(rates, model_s=0.0), without) if options.bare else (rates, Settings())
        for number, count in enumerate(options.runs):
            pictures = folder / f"run{number}"
            bytes_each = make_pictures(pictures, count, size)
            told = predict(
                used,
                pictures=count,
                megapixels=size[0] * size[1] / 1e6,
                bytes_each=bytes_each,
                workers=options.workers,
                store=False,
            )
            load_before = os.getloadavg()[0]
            found = run(pictures, folder / "out", options.workers, settings)
            print(
                f"{count:>8,} pictures: CPU {told.cpu_hours * 3600:.1f} s predicted, {found.cpu_hours * 3600:.1f} s "
                f"measured ({found.cpu_hours / told.cpu_hours:.2f}); wall {told.hours * 3600:.0f} s predicted, "
                f"{found.seconds + found.start_seconds:.0f} s measured; Parquet {told.written_bytes / 1e3:.0f} kB "
                f"predicted, {found.written_bytes / 1e3:.0f} kB measured; load {load_before:.0f}",
                flush=True,
            )
            shutil.rmtree(pictures)
    print()
    for line in ("| pictures | workers | hours | CPU hours paid | read | Parquet | GET | PUT |", "|---" * 8 + "|"):
        print(line)
    for power, workers in ((6, 16), (7, 64), (8, 256), (9, 1000)):
        one = predict(rates, pictures=10**power, megapixels=1.0, bytes_each=250_000, workers=workers)
        print(
            f"| 10^{power} | {workers:,} | {one.hours:.1f} | {one.paid_cpu_hours:,.0f} "
            f"| {one.read_bytes / 1e12:.2f} TB | {one.written_bytes / 1e9:.2f} GB | {one.gets:,} | {one.puts:,} |"
        )


if __name__ == "__main__":
    main()
