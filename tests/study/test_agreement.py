"""Krippendorff's alpha, against values that he published."""

import math

import numpy as np
import pytest

from popscore.study.agreement import alpha_interval, nominal_alpha


def counted(*observers: str) -> np.ndarray:
    """Counts of units from what each observer said of each, a letter per unit; a dot for nothing."""
    values = sorted(set("".join(observers)) - {"."})
    return np.array([[column.count(value) for value in values] for column in zip(*observers, strict=True)])


@pytest.mark.parametrize(
    ("observers", "published"),
    [
        (("0100000010", "1110010000"), 0.095),  # Krippendorff 2011, section B: two observers, two values
        (("aabbdcccedda", "babbbcccedd" + "d"), 0.692),  # section C: two observers, five values
        (("123321412...", "12332241" + "25.3", ".33323422" + "51.", "12332441" + "251."), 0.743),  # D: four, gaps
    ],
)
def test_the_published_examples(observers: tuple[str, ...], published: float) -> None:
    lengths = {len(one) for one in observers}
    assert len(lengths) == 1
    assert nominal_alpha(counted(*observers)) == pytest.approx(published, abs=0.0005)


def test_photos_of_a_pair_are_alike() -> None:
    """Each pair counted both ways round gives the same, but for the one value that n - 1 takes away."""
    counts = np.random.default_rng(1).binomial(9, 0.7, size=200)
    table = np.stack([counts, 9 - counts], axis=1)
    both_ways = nominal_alpha(np.concatenate([table, table[:, ::-1]]))
    assert nominal_alpha(table, alike=True) == pytest.approx(both_ways, abs=0.001)
    assert nominal_alpha(table, alike=True) > nominal_alpha(table) + 0.1
    swapped = np.where(np.arange(200)[:, None] % 3 == 0, table, table[:, ::-1])
    assert nominal_alpha(swapped, alike=True) == pytest.approx(nominal_alpha(table, alike=True))


def test_the_ends() -> None:
    assert nominal_alpha([[5, 0], [0, 5]]) == 1
    assert nominal_alpha([[5, 0], [5, 0]], alike=True) == 1
    assert math.isnan(nominal_alpha([[5, 0], [5, 0]]))  # all said the same of everything: nothing to agree on
    assert math.isnan(nominal_alpha([[1, 0], [0, 1]]))  # nobody to agree with
    coin = np.random.default_rng(2).multinomial(8, [0.5, 0.5], size=2000)
    assert abs(nominal_alpha(coin)) < 0.02
    low, high = alpha_interval(coin) or (1, 0)
    assert low < 0 < high < 0.05
    assert alpha_interval([[5, 0], [1, 0]]) is None
    for wrong in ([1, 2], [[-1, 2]], [[math.nan, 1]]):
        with pytest.raises(ValueError, match="table of numbers"):
            nominal_alpha(wrong)
