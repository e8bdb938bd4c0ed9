"""Which posts may be in a pair, and which two of them may be one: the constraints of Ding, Ma & Wang 2019, section
3."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from popscore.errors import InvalidSetting
from popscore.posts.posts import HIDDEN, Posts

DAY_MS = 86_400_000
MONTH: Literal["month"] = "month"


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What a pair must fulfil. The defaults are those of the paper.

    Attributes:
        threshold: least probability that the winner is the better liked, from .5 to below 1. .5 drops it: any
            difference of likes will do.
        sigma: standard deviation of the noise in log(likes).
        days: the two were posted at most so many days apart; None drops it.
        older_than: days that lie at least between a post and the collection of the table, so that its likes have come
            in; `month` for one month of the calendar; 0 drops it.
        collected: when the table was collected; the time of its newest post by default.
        min_likes: fewest likes of each post; 0 drops it, but posts without any like have no logarithm and no pair.
        max_words: most words of each caption, hashtags and mentions not counted; None drops it.
        same_tags: the two have the same hashtags and mentions, in content and number.
        single_image: posts of one image only, and no videos.
        same_user: the two are of one user.
        once: an image is in one pair at most.
        in_blocks: pairs only within blocks of `days` days, counted from 1970. A few pairs fewer, and never slow: where
            a user has thousands of posts with the same tags.
    """

    threshold: float = 0.95
    sigma: float = 0.3
    days: float | None = 10
    older_than: float | Literal["month"] = 30
    collected: datetime | None = None
    min_likes: int = 50
    max_words: int | None = 6
    same_tags: bool = True
    single_image: bool = True
    same_user: bool = True
    once: bool = True
    in_blocks: bool = False

    def __post_init__(self) -> None:
        checks = (
            (0.5 <= self.threshold < 1, f"the threshold {self.threshold} must be from .5 to below 1"),
            (0 < self.sigma < 100, f"sigma {self.sigma} must be above 0"),
            (self.days is None or 0 <= self.days <= 100_000, f"the days {self.days} must be 0 to 100,000"),
            (
                self.older_than == MONTH or (not isinstance(self.older_than, str) and 0 <= self.older_than <= 100_000),
                f"older than {self.older_than} must be a number of days or `month`",
            ),
            (
                self.collected is None or 1990 <= self.collected.year < 2100,
                f"the day of collection, {self.collected}, must be between 1990 and 2100",
            ),
            (self.min_likes >= 0, f"the fewest likes {self.min_likes} must be 0 or more"),
            (self.max_words is None or self.max_words >= 0, f"the most words {self.max_words} must be 0 or more"),
            (not (self.in_blocks and not self.days), "blocks need a number of days above 0"),
        )
        for fine, reason in checks:
            if not fine:
                raise InvalidSetting(f"No pairs can be made: {reason}.")

    @property
    def least_gap(self) -> float:
        """Least difference of log(likes): sqrt(2) * sigma * Phi^-1(threshold), .698 for the paper, twice the likes."""
        return math.sqrt(2) * self.sigma * NormalDist().inv_cdf(self.threshold)

    @property
    def window_ms(self) -> int | None:
        """Most milliseconds between two posts."""
        return None if self.days is None else round(self.days * DAY_MS)

    def newest_ms(self, times_ms: NDArray[np.int64]) -> int:
        """The latest time that a post may have, given the times of all posts."""
        if self.collected is None:
            end_ms = int(times_ms.max()) if len(times_ms) else 0
        else:
            moment = self.collected if self.collected.tzinfo else self.collected.replace(tzinfo=UTC)
            end_ms = round(moment.timestamp() * 1000)
        if self.older_than == MONTH:
            return _a_month_before(end_ms)
        return end_ms - round(float(self.older_than) * DAY_MS)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A constraint on posts, and what it did.

    Attributes:
        name: what was wrong with the posts.
        fell: posts that it left out, of those that the steps before had left.
        left: posts that are left after it.
    """

    name: str
    fell: int
    left: int


def usable(posts: Posts, constraints: Constraints) -> tuple[NDArray[np.int64], Sequence[Step]]:
    """Posts that may be in a pair, as indices, and how many fell at which constraint.

    Without a column for captions or for images their constraints are not checked. Newest posts count as the end of the
    table only where their row can be read; hidden likes do not matter for that.
    """
    words = np.array([caption.words for caption in posts.kinds], np.int64)
    least = max(1, constraints.min_likes)
    faults: dict[str, NDArray[np.bool_]] = {"likes hidden or missing": posts.likes == HIDDEN}
    if constraints.single_image and {"images", "video"} & set(posts.columns):
        faults["several images, or a video"] = posts.images != 1
    faults["no likes" if least == 1 else f"fewer than {least:,} likes"] = posts.likes < least
    if constraints.older_than != 0:
        age = "a month" if constraints.older_than == MONTH else f"{constraints.older_than:g} days"
        faults[f"less than {age} old"] = posts.times_ms > constraints.newest_ms(posts.times_ms)
    if constraints.max_words is not None and "caption" in posts.columns:
        faults[f"more than {constraints.max_words} words"] = words[posts.captions] > constraints.max_words
    kept = np.ones(len(posts), bool)
    steps = []
    for name, bad in faults.items():
        before = int(kept.sum())
        kept &= ~bad
        left = int(kept.sum())
        steps.append(Step(name=name, fell=before - left, left=left))
    return np.flatnonzero(kept).astype(np.int64), tuple(steps)


def group_numbers(posts: Posts, chosen: NDArray[np.int64], constraints: Constraints) -> NDArray[np.int64]:
    """Number of the group of each chosen post: pairs are made within groups."""
    keys = [np.zeros(len(chosen), np.int64)]
    if constraints.same_user:
        keys.append(posts.users[chosen])
    if constraints.same_tags:
        tags: dict[object, int] = {}
        of_kind = [tags.setdefault((kind.tags, kind.mentions), len(tags)) for kind in posts.kinds]
        keys.append(np.array(of_kind, np.int64)[posts.captions[chosen]])
    if constraints.in_blocks and constraints.window_ms is not None:
        keys.append(posts.times_ms[chosen] // constraints.window_ms)
    number = keys[0]
    for key in keys[1:]:
        if len(key):
            _, small = np.unique(key, return_inverse=True)
            _, number = np.unique(number * (int(small.max()) + 1) + small, return_inverse=True)
    return np.asarray(number, np.int64)


def _a_month_before(moment_ms: int) -> int:
    """The same day and hour of the month before, or its last day."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    year, month = (moment.year - 1, 12) if moment.month == 1 else (moment.year, moment.month - 1)
    for day in range(moment.day, 27, -1):
        try:
            return round(moment.replace(year=year, month=month, day=day).timestamp() * 1000)
        except ValueError:
            continue
    return round(moment.replace(year=year, month=month, day=min(moment.day, 28)).timestamp() * 1000)
