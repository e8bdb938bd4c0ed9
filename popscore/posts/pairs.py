"""Popularity-discriminable image pairs (PDIP) from posts. Ding, Ma & Wang 2019, section 3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popscore.errors import InvalidSetting
from popscore.foreign_text import shortened
from popscore.posts import matching
from popscore.posts.constraints import DAY_MS, Constraints, Step, group_numbers, usable
from popscore.posts.posts import Posts

# 200 bytes of memory and 100 of disk each.
MOST_PAIRS = 20_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two photos of which one was liked more.

    Attributes:
        winner, loser: their names.
        user: whose they are; empty where the two users differ or nobody knows.
        probability: that the winner is the better liked.
        gap_days: days between the two posts.
        winner_likes, loser_likes: where known.
    """

    winner: str
    loser: str
    user: str
    probability: float | None
    gap_days: float | None
    winner_likes: int | None = None
    loser_likes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """A set of pairs in numbers, as Table 1 of the paper; means are over pairs or over the posts in them.

    Attributes:
        pairs, users, posts: how many.
        mean_likes: over posts.
        mean_probability, mean_gap_days, median_gap_days, largest_gap_days: over pairs.
        without_tags, without_mentions, without_caption: shares of posts, 0 to 1.
        mean_words: over posts, hashtags and mentions not counted; these four are None without a column for captions.
    """

    pairs: int
    users: int
    posts: int
    mean_likes: float | None
    mean_probability: float | None
    mean_gap_days: float | None
    median_gap_days: float | None
    largest_gap_days: float | None
    without_tags: float | None
    without_mentions: float | None
    without_caption: float | None
    mean_words: float | None

    def to_json(self) -> dict[str, Any]:
        """The numbers by name, rounded; null where there is no pair."""
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in shown.items()}


PAPER = Statistics(
    pairs=2_500_000,
    users=110_000,
    posts=5_000_000,
    mean_likes=5300.0,
    mean_probability=0.978,
    mean_gap_days=4.8,
    median_gap_days=None,
    largest_gap_days=None,
    without_tags=0.456,
    without_mentions=0.479,
    without_caption=0.111,
    mean_words=2.1,
)
"""The published database of the paper. Its number of posts follows from that of its pairs."""


@dataclass(frozen=True, kw_only=True)
class PairSet:
    """Pairs made from posts, P of them.

    Attributes:
        posts: where they come from.
        winners, losers: (P,) indices of posts.
        probabilities: (P,) that the winner is the better liked.
        constraints: that they fulfil.
        steps: how many posts fell at which constraint.
        too_large: what was left out because the exact answer would take too long, in words.
    """

    posts: Posts
    winners: NDArray[np.int64]
    losers: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    constraints: Constraints
    steps: Sequence[Step]
    too_large: Sequence[str]

    def __len__(self) -> int:
        return len(self.winners)

    def __iter__(self) -> Iterator[Pair]:
        posts = self.posts
        gaps = (np.abs(posts.times_ms[self.winners] - posts.times_ms[self.losers]) / DAY_MS).tolist()
        columns = (self.winners.tolist(), self.losers.tolist(), self.probabilities.tolist(), gaps)
        for winner, loser, probability, gap_days in zip(*columns, strict=True):
            same = posts.users[winner] == posts.users[loser]
            yield Pair(
                winner=posts.names[winner],
                loser=posts.names[loser],
                user=posts.user_names[posts.users[winner]] if same else "",
                probability=probability,
                gap_days=gap_days,
                winner_likes=int(posts.likes[winner]),
                loser_likes=int(posts.likes[loser]),
            )

    def statistics(self) -> Statistics:
        """The set in numbers."""
        posts, some = self.posts, len(self) > 0
        inside = np.unique(np.concatenate([self.winners, self.losers]))
        kinds = [posts.kinds[number] for number in posts.captions[inside].tolist()]
        gaps = np.abs(posts.times_ms[self.winners] - posts.times_ms[self.losers]) / DAY_MS

        def share(values: Iterable[bool | int]) -> float | None:
            return float(np.mean(list(values))) if some and "caption" in posts.columns else None

        return Statistics(
            pairs=len(self),
            users=len(np.unique(posts.users[inside])),
            posts=len(inside),
            mean_likes=float(posts.likes[inside].mean()) if some else None,
            mean_probability=float(self.probabilities.mean()) if some else None,
            mean_gap_days=float(gaps.mean()) if some else None,
            median_gap_days=float(np.median(gaps)) if some else None,
            largest_gap_days=float(gaps.max()) if some else None,
            without_tags=share(not kind.tags for kind in kinds),
            without_mentions=share(not kind.mentions for kind in kinds),
            without_caption=share(kind.empty for kind in kinds),
            mean_words=share(kind.words for kind in kinds),
        )


def make_pairs(
    posts: Posts,
    constraints: Constraints | None = None,
    *,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> PairSet:
    """Make the most pairs that the constraints allow; among those, the ones with the largest total probability.

    Exact, and the same from run to run, see `popscore.posts.matching`. A block of posts that is too large for the exact
    answer is left out, and said in `too_large`.

    Args:
        posts: from `read_posts`.
        constraints: those of the paper by default.
        on_progress: told how many posts are done, and of how many; posts of short groups are not counted.

    Raises:
        InvalidSetting: without `once` there would be more than 20 million pairs.
    """
    constraints = constraints or Constraints()
    chosen, steps = usable(posts, constraints)
    # By name, so that the order of rows in the table does not matter.
    chosen = chosen[_name_order([posts.names[one] for one in chosen.tolist()])]
    scores = np.log(posts.likes[chosen].astype(np.float64))
    groups = group_numbers(posts, chosen, constraints)
    times_ms = posts.times_ms[chosen]
    least_gap, window_ms = constraints.least_gap, constraints.window_ms
    too_large: list[str] = []
    if constraints.once:
        found = matching.match(
            groups,
            times_ms,
            scores,
            window_ms=window_ms,
            least_gap=least_gap,
            sigma=constraints.sigma,
            on_progress=on_progress,
        )
        winners, losers = found.winners, found.losers
        left_out: Counter[int] = Counter()
        for one in found.too_large:
            left_out[int(posts.users[chosen[one.first]])] += one.posts
        too_large = [_too_large(posts.user_names[user], count) for user, count in left_out.items()]
    else:
        winners, losers = _all_allowed(groups, times_ms, scores, window_ms, least_gap)
    return PairSet(
        posts=posts,
        winners=chosen[winners],
        losers=chosen[losers],
        probabilities=matching.win_chances(scores[winners] - scores[losers], constraints.sigma),
        constraints=constraints,
        steps=steps,
        too_large=too_large,
    )


def costs(posts: Posts, constraints: Constraints | None = None) -> Mapping[str, int | None]:
    """How many pairs there are when one constraint alone is dropped, and without dropping any, under `none`.

    For `once` these are all allowed pairs. None where the answer would take too long, see `make_pairs`; that is so for
    `same_user` in most tables, because all posts of ten days are then one block.
    """
    kept = constraints or Constraints()
    dropped: dict[str, Constraints] = {
        "none": kept,
        "threshold": replace(kept, threshold=0.5),
        "days": replace(kept, days=None, in_blocks=False),
        "older_than": replace(kept, older_than=0),
        "same_tags": replace(kept, same_tags=False),
        "max_words": replace(kept, max_words=None),
        "single_image": replace(kept, single_image=False),
        "min_likes": replace(kept, min_likes=0),
        "once": replace(kept, once=False),
    }
    found: dict[str, int | None] = {}
    for name, constraint in dropped.items():
        try:
            made = make_pairs(posts, constraint)
        except InvalidSetting:
            found[name] = None
        else:
            found[name] = None if made.too_large else len(made)
    return found


def _name_order(names: Sequence[str]) -> NDArray[np.int64]:
    return np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)


def _all_allowed(
    groups: NDArray[np.int64],
    times_ms: NDArray[np.int64],
    scores: NDArray[np.float64],
    window_ms: int | None,
    least_gap: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    portions, count = [], 0
    for portion in matching.allowed(groups, times_ms, scores, window_ms=window_ms, least_gap=least_gap):
        portions.append(portion)
        count += len(portion[0])
        if count > MOST_PAIRS:
            raise InvalidSetting(
                f"There are more than {MOST_PAIRS:,} allowed pairs when a photo may be in many. "
                "Leave out --repeat-images, or make --days smaller."
            )
    nothing = np.zeros(0, np.int64)
    winners, losers = ([part[side] for part in portions] for side in (0, 1))
    return np.concatenate([nothing, *winners]), np.concatenate([nothing, *losers])


def _too_large(user: str, count: int) -> str:
    return (
        f"{count:,} posts of {shortened(user)} were left out: with the same tags and without a pause they are too many "
        "for an exact answer within two minutes. Add --in-blocks, which makes pairs within blocks of --days days only."
    )
