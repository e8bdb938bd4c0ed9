"""The order of photos: ranks, ties, gaps, tiers of what is too close to call, and groups of near-duplicates."""

from collections.abc import Callable, Iterable, Sequence, Sized
from itertools import pairwise

from popscore.errors import InvalidSetting
from popscore.models.spec import ModelInfo
from popscore.photos import similarity
from popscore.photos.sources import NamedPhoto, PhotoSource
from popscore.results import FailedPhoto, RankedPhoto, Ranking, ScoredPhoto, place_key, ranks_of
from popscore.scoring.scorer import Candidate, ScoreCache, Scorer, load_scorer


def rank_images(
    photos: Iterable[PhotoSource | NamedPhoto],
    *,
    scorer: Scorer | None = None,
    top: int | None = None,
    group_similar: bool = False,
    on_progress: Callable[[int, int | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    cache: ScoreCache | None = None,
) -> Ranking:
    """Score photos and put the best one first.

    Args:
        photos: paths, bytes, binary file objects or PIL images, with or without names, in any mix and number.
        scorer: by default the one that the environment asks for.
        top: how many results to give; all by default.
        group_similar: put near-duplicates into groups; with `top`, give the best photo of each of the
            first groups.
        on_progress: called after each photo with how many are done, and how many there are if `photos`
            has a length.
        cancelled: asked after each photo; once it answers True the work stops, and what was scored until
            then is ranked, with `stopped` set.
        cache: remembers scores from one run to the next.

    Returns:
        The ranking; photos that cannot be read or scored are among its errors.

    Raises:
        InvalidSetting: `top` is below 1, or an environment variable cannot be used.
        ModelUnavailable, ModelRefused: there is no model.
    """
    _check_top(top)
    scorer = scorer or load_scorer()
    total = len(photos) if isinstance(photos, Sized) else None
    found: list[Candidate | FailedPhoto] = []
    stopped = False
    candidates = scorer.candidates(photos, cache=cache)
    try:
        for candidate in candidates:
            found.append(candidate)
            if on_progress:
                on_progress(len(found), total)
            if cancelled and cancelled():
                stopped = len(found) != total
                break
    finally:
        candidates.close()
    return rank(found, scorer.model, top=top, group_similar=group_similar, stopped=stopped)


def rank(
    candidates: Iterable[Candidate | FailedPhoto],
    model: ModelInfo,
    *,
    top: int | None = None,
    group_similar: bool = False,
    stopped: bool = False,
    burst_s: float = similarity.BURST_S,
) -> Ranking:
    """Put scored photos in order. Arguments as `rank_images`; nothing is read or scored.

    Ranks are those of a competition: equal scores share a rank, and the next rank is left out (1, 1, 3).
    They count all photos, those that `top` leaves out too. Photos with a warning come after all others.

    Args:
        burst_s: as `similarity.groups`.

    Raises:
        InvalidSetting: `top` is below 1.
    """
    _check_top(top)
    given = list(candidates)
    scored = [(index, found) for index, found in enumerate(given) if isinstance(found, Candidate)]
    scored.sort(key=lambda item: place_key(item[1].photo))  # stable: equal scores stay in the order given
    photos = [candidate.photo for _, candidate in scored]
    ranks = ranks_of(photos)
    groups = _groups([candidate for _, candidate in scored], burst_s) if group_similar else None
    shown = list(range(len(scored)))
    if groups is not None and top is not None:
        shown = _firsts(groups)
    shown, left_out = shown[:top], shown[top:] if top is not None else []
    noise = model.spec.likely_noise
    tiers = _tiers(photos, noise)
    firsts = set(_firsts(groups)) if groups else set()
    gaps = [_gap(photos[a], photos[b]) for a, b in pairwise(shown)]
    results = []
    for place, gap in zip(shown, [*gaps, None], strict=False):
        index, candidate = scored[place]
        results.append(
            RankedPhoto.of(
                candidate.photo,
                rank=ranks[place],
                index=index,
                gap=gap,
                too_close=gap is not None and gap <= noise,
                tier=tiers[place],
                group=groups[place] if groups else None,
                group_best=place in firsts if groups else None,
            )
        )
    return Ranking(
        model=model,
        results=results,
        errors=[found for found in given if isinstance(found, FailedPhoto)],
        noise=noise,
        total=len(scored),
        scenes=max(groups, default=0) if groups is not None else None,
        cut_gap=_gap(photos[shown[-1]], photos[left_out[0]]) if left_out else None,
        stopped=stopped,
    )


def _gap(photo: ScoredPhoto, lower: ScoredPhoto) -> float | None:
    """Score difference to a photo behind it; None where that one is behind for its warning, not for its score."""
    if photo.warning is None and lower.warning is not None:
        return None
    return photo.score - lower.score


def _tiers(best_first: Sequence[ScoredPhoto], noise: float) -> list[int]:
    """Tier of each photo: the best photo that is in none begins one, and those within the noise below it join."""
    tiers: list[int] = []
    first: ScoredPhoto | None = None
    for photo in best_first:
        gap = _gap(first, photo) if first else None
        if gap is None or gap > noise:
            first = photo
            tiers.append(tiers[-1] + 1 if tiers else 1)
        else:
            tiers.append(tiers[-1])
    return tiers


def _groups(best_first: Sequence[Candidate], burst_s: float) -> list[int]:
    """Group of each photo, counted from 1 in the order of their best photos."""
    # Where scores are equal the picture decides, so that groups do not depend on the order given.
    order = sorted(
        range(len(best_first)), key=lambda place: (place_key(best_first[place].photo), best_first[place].signature)
    )
    founders = similarity.groups(
        [best_first[place].signature for place in order],
        [best_first[place].taken_s for place in order],
        burst_s=burst_s,
    )
    founder_of = {place: order[founder] for place, founder in zip(order, founders, strict=True)}
    number_of: dict[int, int] = {}
    return [number_of.setdefault(founder_of[place], len(number_of) + 1) for place in range(len(best_first))]


def _firsts(groups: Sequence[int]) -> list[int]:
    """Place of the first photo of each group."""
    return list({group: place for place, group in reversed(list(enumerate(groups)))}.values())[::-1]


def _check_top(top: int | None) -> None:
    if top is not None and top < 1:
        raise InvalidSetting(f"top={top} cannot be used: it must be a whole number above 0.")
