"""What a batch will take: the arithmetic of the prediction."""

import math
import re

import numpy as np
import pytest
from pages import DocumentationPage

from popscore.batch.cost import Prices, Rates, fitted, predict, rows_per_block
from popscore.errors import InvalidSetting

RATES = Rates(fixed_s=0.002, megapixel_s=0.0025, model_s=0.02, start_s=6, block_s=0.01, row_bytes=100)


def test_what_can_be_counted_by_hand() -> None:
    found = predict(RATES, pictures=1_000_000, megapixels=1.2, bytes_each=250_000, workers=100)
    assert rows_per_block(1_000_000, 100) == 312
    picture_s = 0.002 + 0.003 + 0.02
    assert found.cpu_hours == pytest.approx(1e6 * picture_s / 3600)
    assert found.hours == pytest.approx((6 + 1e6 * picture_s / 100 + 156 * picture_s) / 3600)
    assert (found.gets, found.puts, found.bound) == (2_000_000, 1000 + math.ceil(1e6 / 312) + 1, "pictures")
    assert (found.read_bytes, found.written_bytes) == (250e9, 100e6)
    prices = Prices(cpu_hour=0.04, get_1000=0.0004, put_1000=0.005, gb_month=0.02, gb_out=0.09)
    by_hand = found.paid_cpu_hours * 0.04 + 0.8 + found.puts / 1000 * 0.005 + 250 * 0.09 + 0.1 * 0.02
    assert found.money(prices) == pytest.approx(by_hand) and found.money(Prices()) == 0
    assert list(found.to_json())[:4] == ["pictures", "workers", "cpu_hours", "hours"]


def test_what_the_time_goes_to() -> None:
    def bound(pictures: int, workers: int) -> str:
        return predict(RATES, pictures=pictures, megapixels=1, bytes_each=1, workers=workers).bound

    assert bound(100, 2) == "start" and bound(10**6, 2) == "pictures" and bound(10**9, 10**5) == "driver"
    few = predict(RATES, pictures=16, megapixels=1, bytes_each=1, workers=1000, store=False)
    assert (few.gets, few.puts, few.read_bytes_per_s) == (0, 0, pytest.approx(16 / (16 * 0.0245)))


def test_more_workers_never_take_longer_until_the_driver_decides() -> None:
    hours = [predict(RATES, pictures=10**7, megapixels=1, bytes_each=1, workers=n).hours for n in (1, 10, 100, 1000)]
    assert hours == sorted(hours, reverse=True)


@pytest.mark.parametrize(
    "wrong", [{"pictures": 0}, {"workers": 0}, {"pictures": 10**13}, {"megapixels": -1.0}, {"bytes_each": math.nan}]
)
def test_numbers_that_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidSetting, match="cannot be used"):
        predict(RATES, **{"pictures": 1, "megapixels": 1, "bytes_each": 1, "workers": 1, **wrong})


def test_fitting() -> None:
    sizes = [0.25, 3, 12]
    assert fitted(sizes, [0.022 + 0.0025 * size for size in sizes]) == pytest.approx((0.022, 0.0025))
    assert fitted([1, 2], [2.0, 1.0])[1] == 0  # never less than nothing
    for some, seconds in (([1, 1], [1.0, 2.0]), ([], []), ([1, 2], [1.0, np.nan]), ([1, 2], [0.0, 1.0]), ([1, 2], [1])):
        with pytest.raises(InvalidSetting, match="two sizes"):
            fitted(some, seconds)


@pytest.mark.batch
def test_blocks_are_as_large_as_in_a_run() -> None:
    pytest.importorskip("pyarrow")
    from popscore.batch import sources

    for pictures in (0, 1, 500, 10**4, 10**6, 10**9):
        for workers in (0, 1, 2, 7, 1000):
            assert rows_per_block(pictures, workers) == sources.rows_per_block(pictures, workers)


def test_the_page_computes(capsys: pytest.CaptureFixture[str]) -> None:
    exec(DocumentationPage.read("docs", "batch.md").snippet("python", "predict"), {})  # noqa: S102
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d+ hours, \d+ CPU hours, 200,000,000 requests", first) and float(second) > 0
