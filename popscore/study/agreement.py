"""How far people agree with each other, beyond chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def nominal_alpha(counts: ArrayLike, *, alike: bool = False) -> float:
    """Krippendorff's alpha for values without an order: 1 is full agreement, 0 what chance would give.

    alpha = 1 - D_o / D_e. D_o is the share of pairs of values within a unit that differ, each unit weighted with how
    many values it has; D_e is the same over all values, whatever their unit. Units with fewer than two values are left
    out.

    Args:
        counts: (U, V) how many people gave each unit each value.
        alike: which value is which has no meaning from unit to unit (two photos of a pair), so that each is expected
            as often as the other: D_e = (1 - 1/V) n / (n - 1) for n values.

    Returns:
        Not a number where no unit has two values, or all values are the same and `alike` is not set.

    Raises:
        ValueError: the counts are no table of numbers from 0.

    Source: Krippendorff 2011, Computing Krippendorff's alpha-reliability, sections B and C.
    """
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or not bool((np.isfinite(table) & (table >= 0)).all()):
        raise ValueError("the counts must be a table of numbers from 0: a row per unit, a column per value")
    observed, values = _parts(table)
    return float(_alpha(observed.sum(), values.sum(axis=0), alike=alike))


def alpha_interval(
    counts: ArrayLike, *, alike: bool = False, draws: int = 1000, seed: int = 15, level: float = 0.95
) -> tuple[float, float] | None:
    """Interval of alpha by drawing units with replacement (bootstrap); None for fewer than two units with two values.

    Args:
        counts, alike: as of `nominal_alpha`.
        draws: how often.
        seed: of the drawing.
        level: how often such an interval holds the true value.
    """
    observed, values = _parts(np.asarray(counts, np.float64))
    units = len(observed)
    if units < 2:
        return None
    random = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        times = np.bincount(random.integers(units, size=units), minlength=units)
        found.append(_alpha(float(times @ observed), times @ values, alike=alike))
    finite = np.array([alpha for alpha in found if math.isfinite(alpha)])
    if not len(finite):
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _parts(table: Floats) -> tuple[Floats, Floats]:
    """Of each unit with two values or more: the disagreement in it times its values, and its values."""
    values = table[table.sum(axis=1) >= 2]
    each = values.sum(axis=1)
    return (each**2 - (values**2).sum(axis=1)) / (each - 1), values


def _alpha(observed: float, totals: Floats, *, alike: bool) -> float:
    count = float(totals.sum())
    if count < 2:
        return math.nan
    expected = count**2 * (1 - 1 / len(totals)) if alike else count**2 - float((totals**2).sum())
    return math.nan if expected <= 0 else 1 - (count - 1) * float(observed) / expected
