"""The most pairs that there can be, and among those the ones with the largest total probability. Exact.

Posts are the nodes of a graph. Two of one group (one user, the same tags) are joined if they were posted within the
window and their scores S = log(likes) lie at least a threshold apart. Pairs in which a post takes part at most once are
a matching, and the one wanted is a matching of the largest size, among these the one of the largest weight.

A group falls into blocks where a pause is longer than the window. Three kinds of blocks are solved in three ways:

1. All posts of the block lie within one window. Then only scores matter, and sorting is exact. Take any matching of k
   pairs, sort its 2k posts by score and join the i-th of the lower half to the i-th of the upper half. Step by step:
   two pairs one above the other, a <= b <= c <= d joined as (a, b), (c, d), become (a, c), (b, d), and both gaps grow
   or stay. Two pairs one inside the other, (a, d), (b, c), become (a, c), (b, d): the new gaps have the sum of the old
   ones and lie between them, so the smallest does not shrink, and the sum of probabilities does not fall because Phi is
   concave above 0. When no such two pairs are left, the halves are joined in order. Likewise the k lowest and k highest
   posts of the block are no worse than any other 2k. So the largest k whose joining in order keeps the threshold is the
   answer; it is found by halving, since k pairs less one are possible too.
2. Pairs that share no post with any other allowed pair are taken.
3. All else is a matching in a general graph, because three posts may all be joined to each other: Edmonds' blossom
   algorithm for the largest weight among the largest size (Galil 1986) as rustworkx has it, in whole numbers, so that
   nothing is rounded while it compares. Weights are probabilities in units of 1e-15.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# The blossom algorithm takes about 70 ns times posts times allowed pairs (measured on blocks of 30 to 2,000 posts), so
# this much is two minutes. Clear of it are 12,000 posts of one user, one a day, with the same tags.
MAX_WORK = 1_700_000_000
# Two posts within one window are looked at so many at a time; 100 bytes each.
_AT_ONCE = 2_000_000
# In a block with more of them than this too many are allowed in any case, and it is not looked into.
_MOST_NEAR = 80_000_000
_PROBABILITY_UNITS = 10**15


@dataclass(frozen=True, kw_only=True)
class TooLarge:
    """A block that is not solved, because the exact answer would take too long.

    Attributes:
        first: index of one of its posts.
        posts: how many there are.
    """

    first: int
    posts: int


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Pairs, as indices of posts.

    Attributes:
        winners, losers: (P,) in the order of groups, and within one of the earlier post's time.
        too_large: blocks that were left out.
    """

    winners: Ints
    losers: Ints
    too_large: tuple[TooLarge, ...]


def win_chances(gaps: Floats, sigma: float) -> Floats:
    """P(the post with the higher score is the better liked): Phi(gap / (sqrt(2) * sigma)). Ding, Ma & Wang 2019.

    Args:
        gaps: (P,) differences of log(likes).
        sigma: standard deviation of the noise in log(likes).
    """
    # Phi(x / sqrt(2)) = erfc(-x / 2) / 2
    return np.array([0.5 * math.erfc(gap) for gap in (gaps / (-2 * sigma)).tolist()], np.float64)


def match(
    groups: Ints,
    times_ms: Ints,
    scores: Floats,
    *,
    window_ms: int | None,
    least_gap: float,
    sigma: float,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Matching:
    """Match posts.

    Args:
        groups: (N,) number of each post's group; pairs are made within groups.
        times_ms: (N,) when each was posted.
        scores: (N,) logarithms of likes.
        window_ms: posts of a pair lie at most so far apart; None for any distance.
        least_gap: their scores lie at least so far apart, and always apart.
        sigma: of the noise in scores, see `win_chances`.
        on_progress: told how many posts of longer blocks are done, and of how many; the others take no time.

    Returns:
        The matching. The same posts in another order give the same one if no two agree in group, time and score.
    """
    least_gap = max(least_gap, math.ulp(1.0))
    order = np.lexsort((scores, times_ms, groups))
    group, time, score = groups[order], times_ms[order], scores[order]
    starts = _starts_of_blocks(group, time, window_ms)
    ends = np.append(starts[1:], len(order))
    sizes = ends - starts
    spans = time[ends - 1] - time[starts] if len(starts) else np.zeros(0, np.int64)
    within = np.ones(len(starts), bool) if window_ms is None else spans <= window_ms
    found: list[Ints] = [_twos(score, starts[sizes == 2], least_gap)]
    found += [_sorted_pairs(score, start, end, least_gap) for start, end in _rows(starts, ends, within & (sizes > 2))]
    too_large: list[TooLarge] = []
    if window_ms is not None:
        general = ~within & (sizes > 2)
        longer = starts[general], ends[general]
        total = int((longer[1] - longer[0]).sum())
        for some, done in _general(time, score, *longer, window_ms, least_gap, sigma, too_large):
            found += some
            if on_progress is not None:
                on_progress(done, total)
    pairs = np.concatenate(found)
    first, second = pairs.min(axis=1), pairs.max(axis=1)
    place = np.lexsort((second, first))
    first, second = first[place], second[place]
    first_wins = score[first] > score[second]
    return Matching(
        winners=order[np.where(first_wins, first, second)],
        losers=order[np.where(first_wins, second, first)],
        too_large=tuple(TooLarge(first=int(order[one.first]), posts=one.posts) for one in too_large),
    )


def allowed(
    groups: Ints, times_ms: Ints, scores: Floats, *, window_ms: int | None, least_gap: float
) -> Iterator[tuple[Ints, Ints]]:
    """All allowed pairs, in portions: indices of winners and of losers. As `match`, but a post may be in many."""
    least_gap = max(least_gap, math.ulp(1.0))
    order = np.lexsort((scores, times_ms, groups))
    group, time, score = groups[order], times_ms[order], scores[order]
    starts = _starts_of_blocks(group, time, window_ms)
    ends = np.append(starts[1:], len(order))
    several = ends - starts > 1
    reach = _reach(time, starts[several], ends[several], window_ms)
    for first, second in _edges(score, reach, least_gap):
        first_wins = score[first] > score[second]
        yield order[np.where(first_wins, first, second)], order[np.where(first_wins, second, first)]


def _rows(starts: Ints, ends: Ints, chosen: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    return zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True)


def _starts_of_blocks(group: Ints, time: Ints, window_ms: int | None) -> Ints:
    """Where blocks begin: with a new group, and after a pause longer than the window."""
    new = group[1:] != group[:-1]
    if window_ms is not None:
        new |= time[1:] - time[:-1] > window_ms
    return np.flatnonzero(np.concatenate(([len(group) > 0], new))).astype(np.int64)


def _twos(score: Floats, starts: Ints, least_gap: float) -> Ints:
    """Blocks of two posts; they lie within one window, or they would not be in one block."""
    kept = starts[np.abs(score[starts] - score[starts + 1]) >= least_gap]
    return np.stack([kept, kept + 1], axis=1)


def _sorted_pairs(score: Floats, start: int, end: int, least_gap: float) -> Ints:
    """Case 1: a block whose posts all lie within one window."""
    order = np.argsort(score[start:end], kind="stable")
    ordered = score[start:end][order]
    low, high = 0, len(ordered) // 2
    while low < high:
        middle = (low + high + 1) // 2
        if bool((ordered[len(ordered) - middle :] - ordered[:middle] >= least_gap).all()):
            low = middle
        else:
            high = middle - 1
    return (start + np.stack([order[:low], order[len(ordered) - low :]], axis=1)).astype(np.int64)


def _reach(time: Ints, starts: Ints, ends: Ints, window_ms: int | None) -> tuple[Ints, Ints]:
    """For each post of the blocks its index, and how many posts of its block follow it within the window."""
    sizes = ends - starts
    posts = np.repeat(starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    last = np.repeat(ends, sizes)
    if window_ms is None or not len(posts):
        return posts, last - posts - 1
    # Times from the start of each block on, the blocks far enough apart to be one rising list.
    since = time[posts] - np.repeat(time[starts], sizes)
    shift = np.repeat(np.arange(len(starts)), sizes) * (int(since.max()) + window_ms + 1)
    clock = since + shift
    return posts, np.searchsorted(clock, clock + window_ms, side="right") - np.arange(len(posts)) - 1


def _edges(score: Floats, reach: tuple[Ints, Ints], least_gap: float) -> Iterator[tuple[Ints, Ints]]:
    """The allowed pairs, as indices (earlier post, later post), in portions that end with a post."""
    posts, counts = reach
    totals = np.cumsum(counts)
    begin = 0
    while begin < len(posts):
        before = int(totals[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(totals, before + _AT_ONCE, side="right")))
        some = counts[begin:end]
        first = np.repeat(posts[begin:end], some)
        second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(some) - some, some)
        kept = np.abs(score[first] - score[second]) >= least_gap
        yield first[kept], second[kept]
        begin = end


def _general(
    time: Ints,
    score: Floats,
    starts: Ints,
    ends: Ints,
    window_ms: int,
    least_gap: float,
    sigma: float,
    too_large: list[TooLarge],
) -> Iterator[tuple[list[Ints], int]]:
    """Cases 2 and 3: pairs of blocks longer than the window, as they are found, and how many posts are done."""
    sizes, done = ends - starts, 0
    for some in _portions(time, starts, ends, window_ms, too_large):
        edges = list(_edges(score, _reach(time, starts[some], ends[some], window_ms), least_gap))
        if not edges:
            continue
        first, second = (np.concatenate(side) for side in zip(*edges, strict=True))
        lone = _lone(first, second, len(score))
        yield [np.stack([first[lone], second[lone]], axis=1)], done
        first, second = first[~lone], second[~lone]
        block = np.searchsorted(starts, first, side="right")
        cuts = np.flatnonzero(np.diff(block)) + 1
        in_work = done
        for a, b in zip(np.split(first, cuts), np.split(second, cuts), strict=True):
            if len(a):
                in_work += int(sizes[np.searchsorted(starts, a[0], side="right") - 1])
                yield _blossoms(a, b, score, sigma, too_large), in_work
        done += int(sizes[some].sum())


def _portions(time: Ints, starts: Ints, ends: Ints, window_ms: int, too_large: list[TooLarge]) -> Iterator[Ints]:
    """Numbers of blocks that are worked on in one go; blocks beyond all bounds are left out."""
    if not len(starts):
        return
    _, counts = _reach(time, starts, ends, window_ms)
    first_posts = np.cumsum(ends - starts) - (ends - starts)
    near = np.add.reduceat(counts, first_posts)
    huge = near > _MOST_NEAR
    too_large += [TooLarge(first=start, posts=end - start) for start, end in _rows(starts, ends, huge)]
    numbers = np.flatnonzero(~huge)
    totals = np.cumsum(near[numbers])
    begin = 0
    while begin < len(numbers):
        before = int(totals[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(totals, before + _AT_ONCE, side="right")))
        yield numbers[begin:end]
        begin = end


def _lone(first: Ints, second: Ints, posts: int) -> NDArray[np.bool_]:
    """Which allowed pairs share no post with another one."""
    degrees = np.bincount(first, minlength=posts) + np.bincount(second, minlength=posts)
    return np.asarray((degrees[first] == 1) & (degrees[second] == 1), np.bool_)


def _blossoms(first: Ints, second: Ints, score: Floats, sigma: float, too_large: list[TooLarge]) -> list[Ints]:
    """Case 3: the allowed pairs of one block, of which some share posts."""
    import rustworkx  # 40 ms, and only here

    posts, local = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b = local[: len(first)], local[len(first) :]
    chances = win_chances(np.abs(score[first] - score[second]), sigma)
    weights = np.rint(chances * _PROBABILITY_UNITS).astype(np.int64).tolist()
    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(len(posts)))
    graph.extend_from_weighted_edge_list(list(zip(a.tolist(), b.tolist(), weights, strict=True)))
    pieces = [graph]
    if len(posts) > 100:
        pieces = [graph.subgraph(sorted(nodes)) for nodes in rustworkx.connected_components(graph)]
        pieces.sort(key=lambda piece: min(piece.nodes()))
    found: list[Ints] = []
    for piece in pieces:
        names = piece.nodes()
        if piece.num_nodes() * piece.num_edges() > MAX_WORK:
            too_large.append(TooLarge(first=int(posts[names[0]]), posts=len(names)))
            continue
        matched = rustworkx.max_weight_matching(piece, max_cardinality=True, weight_fn=int)
        if matched:
            found.append(posts[np.array([[names[one], names[other]] for one, other in sorted(matched)])])
    return found
