"""Cells: likes, times, counts of images."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from popscore.posts import values


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("120", 120), (" 7 ", 7), ("0", 0), (120, 120), (120.0, 120), ("120.0", 120), ("1,234", 1234),
        ("1,234,567", 1234567),
        ("1'234", 1234), ("1\u202f234", 1234), ("1 234", 1234), ("1_234", 1234),
        ("-1", None), (-1, None), ("", None), (None, None), (float("nan"), None), ("NaN", None), ("hidden", None),
    ],
)  # fmt: skip
def test_likes(cell: Any, count: int | None) -> None:
    assert values.likes(cell) == count


@pytest.mark.parametrize(
    "cell",
    [
        "1,2k",
        "1.2K",
        "3m",
        "1.234",
        "12,34",
        "1,23",
        "many",
        "-5",
        "1e400",
        "9" * 30,
        "9" * 5000,
        True,
        float("inf"),
        10**400,
        1.5,
        "²",
    ],
)
def test_likes_that_are_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"^likes "):
        values.likes(cell)


NOON = 1_485_950_400_000  # 2017-02-01, noon


@pytest.mark.parametrize(
    "cell",
    [
        "2017-02-01T12:00:00Z", "2017-02-01T12:00:00.000Z", "2017-02-01 12:00:00", "2017-02-01T13:00:00+01:00",
        "1485950400", "1485950400.0", "1485950400000", 1485950400, 1485950400000, 1.4859504e9, "1.4859504e9",
        datetime(2017, 2, 1, 12), datetime(2017, 2, 1, 13, tzinfo=timezone(timedelta(hours=1))),
    ],
)  # fmt: skip
def test_times(cell: Any) -> None:
    assert values.time_ms(cell) == NOON


def test_days_without_hours() -> None:
    midnight = NOON - 12 * 3600 * 1000
    assert values.time_ms("2017-02-01") == values.time_ms("20170201") == midnight


@pytest.mark.parametrize(
    "cell", ["", None, "yesterday", "04/05/2017", "2017-13-01", "1", -5, "1e300", float("nan"), "0", "9" * 400, True,
             10**400, "1970-01-01T00:00:00.000Z", "2200-01-01", datetime(1, 1, 1, tzinfo=UTC)]
)  # fmt: skip
def test_times_that_are_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"^the time "):
        values.time_ms(cell)


def test_numbers_of_images() -> None:
    cells = ["1", 3, True, False, "True", "false", "", None, "2.0"]
    assert [values.images(cell) for cell in cells] == [1, 3, 2, 1, 2, 1, 1, 1, 2]
    for wrong in ("a.jpg b.jpg", 1.5, -3, "9" * 50):
        with pytest.raises(ValueError, match="number of images"):
            values.images(wrong)  # type: ignore[arg-type]
    assert [values.is_true(cell) for cell in (True, "yes", 1, "1", False, "", None, "no", "0")] == [True] * 4 + [
        False
    ] * 5
