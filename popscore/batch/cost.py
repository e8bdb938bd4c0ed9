"""What a batch takes before it is run: CPU hours, hours, bytes, requests, and money as a formula.

A picture costs what opening it, decoding it and scoring it cost; the rest is counting. The figures of `Rates` are of
one machine, as measured by tests/benchmarks/batch_cost.py, which also says how far predictions were off. A run of
1,000 of your own pictures gives better ones: `cpu_hours` of its summary, divided by 1,000, is `picture_s`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from popscore.errors import InvalidSetting
from popscore.models.spec import Json

_LIST_KEYS = 1_000  # that an S3-compatible store gives at one time
_GETS = 2  # of a picture: how large it is, and its bytes
_MOST = 10**12


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What things take on one kind of machine, with one model.

    Attributes:
        fixed_s: CPU time of a picture that does not depend on its size: opening, reading, the row.
        megapixel_s: CPU time for each megapixel of a JPEG, at reduced size where it is large.
        model_s: CPU time of the model for one picture.
        start_s: wall time until workers score.
        block_s: time of the driver for each block of pictures; one block at one time.
        row_bytes: of a row in Parquet, without embedding, signature and faces.
    """

    fixed_s: float
    megapixel_s: float
    model_s: float
    start_s: float
    block_s: float
    row_bytes: float

    def picture_s(self, megapixels: float) -> float:
        """CPU time of one picture."""
        return self.fixed_s + self.megapixel_s * megapixels + self.model_s


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What a provider asks, in any currency; none is known here.

    Attributes:
        cpu_hour: one CPU of a machine for an hour.
        get_1000, put_1000: 1,000 requests that read, and that list or write.
        gb_month: 10^9 bytes kept for a month.
        gb_out: 10^9 bytes read from a store that is not beside the machines.
    """

    cpu_hour: float = 0.0
    get_1000: float = 0.0
    put_1000: float = 0.0
    gb_month: float = 0.0
    gb_out: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a batch will take.

    Attributes:
        pictures, workers: as asked; a worker is one CPU.
        cpu_hours: of pictures alone.
        hours: wall time, the start in it.
        paid_cpu_hours: workers times hours.
        read_bytes, written_bytes: of pictures, and of Parquet.
        gets: requests that read pictures, two for each.
        puts: requests that list pictures, or write a file.
        read_bytes_per_s, gets_per_s: that all workers read together, and requests for it. One prefix of Amazon's S3
            answers 5,500 a second at least; this prediction takes a store that answers all.
        bound: `start`, `pictures` or `driver`: what most of the time goes to.
    """

    pictures: int
    workers: int
    cpu_hours: float
    hours: float
    paid_cpu_hours: float
    read_bytes: float
    written_bytes: float
    gets: int
    puts: int
    read_bytes_per_s: float
    gets_per_s: float
    bound: str

    def money(self, prices: Prices) -> float:
        """What a run costs, its results kept for a month.

        paid_cpu_hours * cpu_hour + gets / 1000 * get_1000 + puts / 1000 * put_1000 + GB read * gb_out
        + GB written * gb_month
        """
        return (
            self.paid_cpu_hours * prices.cpu_hour
            + self.gets / 1000 * prices.get_1000
            + self.puts / 1000 * prices.put_1000
            + self.read_bytes / 1e9 * prices.gb_out
            + self.written_bytes / 1e9 * prices.gb_month
        )

    def to_json(self) -> Json:
        """All of it."""
        return {
            "pictures": self.pictures,
            "workers": self.workers,
            "cpu_hours": round(self.cpu_hours, 4),
            "hours": round(self.hours, 4),
            "paid_cpu_hours": round(self.paid_cpu_hours, 4),
            "read_bytes": round(self.read_bytes),
            "written_bytes": round(self.written_bytes),
            "gets": self.gets,
            "puts": self.puts,
            "read_bytes_per_s": round(self.read_bytes_per_s),
            "gets_per_s": round(self.gets_per_s, 1),
            "bound": self.bound,
        }


def predict(
    rates: Rates, *, pictures: int, megapixels: float, bytes_each: float, workers: int, store: bool = True
) -> Cost:
    """What a batch will take.

    Args:
        rates: of the machines and the model.
        pictures: how many.
        megapixels, bytes_each: means of a picture.
        workers: CPUs that score, on all machines together.
        store: pictures and results lie in an S3-compatible store, which counts requests.

    Raises:
        InvalidSetting: a number cannot be used.
    """
    for name, value in (("pictures", pictures), ("workers", workers)):
        if not 0 < value <= _MOST:
            raise InvalidSetting(f"{name}={value} cannot be used: it must be above 0.")
    for name, size in (("megapixels", megapixels), ("bytes_each", bytes_each)):
        if not 0 <= size <= _MOST:
            raise InvalidSetting(f"{name}={size} cannot be used: it must be 0 or more.")
    picture_s = rates.picture_s(megapixels)
    rows = rows_per_block(pictures, workers)
    blocks = math.ceil(pictures / rows)
    busy = min(workers, blocks)
    scoring_s, driver_s = pictures * picture_s / busy, blocks * rates.block_s
    # When the first workers find nothing more to do, the others have half a block left on average.
    last_s = rows * picture_s / 2 if blocks > 1 else 0.0
    wall_s = rates.start_s + max(scoring_s + last_s, driver_s)
    parts = {"start": rates.start_s, "pictures": scoring_s + last_s, "driver": driver_s}
    return Cost(
        pictures=pictures,
        workers=workers,
        cpu_hours=pictures * picture_s / 3600,
        hours=wall_s / 3600,
        paid_cpu_hours=workers * wall_s / 3600,
        read_bytes=pictures * bytes_each,
        written_bytes=pictures * rates.row_bytes,
        gets=_GETS * pictures if store else 0,
        puts=math.ceil(pictures / _LIST_KEYS) + blocks + 1 if store else 0,
        read_bytes_per_s=pictures * bytes_each / (wall_s - rates.start_s),
        gets_per_s=_GETS * pictures / (wall_s - rates.start_s) if store else 0.0,
        bound=max(parts, key=lambda name: parts[name]),
    )


def rows_per_block(pictures: int, workers: int) -> int:
    """As `popscore.batch.sources.rows_per_block`, which cannot be had without pyarrow; a test holds them together."""
    return max(16, min(2048, pictures // (32 * max(1, workers))))


def fitted(megapixels: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """CPU time of a picture that does not depend on its size, and that of each megapixel, by least squares.

    Errors count by their share of the time, so that large pictures do not decide about small ones.

    Args:
        megapixels, seconds: (M,) means of some runs, of two sizes at least.

    Raises:
        InvalidSetting: all runs are of one size, or a number cannot be used.
    """
    size, time_s = np.asarray(megapixels, float), np.asarray(seconds, float)
    usable = len(size) == len(time_s) and np.isfinite(size).all() and np.isfinite(time_s).all() and (time_s > 0).all()
    if not usable or len(np.unique(size)) < 2:
        raise InvalidSetting("To tell what a megapixel costs, runs with pictures of two sizes are needed.")
    design = np.stack([np.ones_like(size), size], axis=1) / time_s[:, np.newaxis]
    (fixed_s, megapixel_s), *_ = np.linalg.lstsq(design, np.ones_like(size), rcond=None)
    return float(max(0.0, fixed_s)), float(max(0.0, megapixel_s))
