"""The order of photos: ranks, ties, gaps, tiers of what is too close to call, and groups of near-duplicates."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from itertools import pairwise

from popscore.errors import InvalidSetting
from popscore.gallery import moments
from popscore.gallery.looking_again import Sources, look_again
from popscore.models.spec import ModelInfo
from popscore.people.shots import ShotMeasure
from popscore.photos import similarity
from popscore.photos.sources import NamedPhoto, PhotoSource
from popscore.results import FailedPhoto, PeopleSeen, RankedPhoto, Ranking, ScoredPhoto, place_key, ranks_of
from popscore.scoring.scorer import Bank, Candidate, ScoreCache, Scorer, load_scorer


def rank_images(
    photos: Iterable[PhotoSource | NamedPhoto],
    *,
    scorer: Scorer | None = None,
    top: int | None = None,
    group_similar: bool = False,
    people: bool = False,
    on_progress: Callable[[int, int | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    cache: ScoreCache | None = None,
    bank: Bank | None = None,
) -> Ranking:
    """Score photos and put the best one first.

    Args:
        photos: paths, bytes, binary file objects or PIL images, with or without names, in any mix and number.
        scorer: by default the one that the environment asks for.
        top: how many results to give; all by default.
        group_similar: put near-duplicates into groups. Those that share one are read once more, larger, and put in
            order by `popscore.gallery.moments`; with `top`, give the best photo of each of the first groups.
        people: look for faces, and read each photo in full for it: how many, how many with closed eyes, how sharp.
            In a group, a shot in which somebody blinks does not lead unless somebody does in all.
        on_progress: called after each photo with how many are done, and how many there are if `photos`
            has a length; photos that are read once more count once more.
        cancelled: asked after each photo; once it answers True the work stops, and what was scored until
            then is ranked, with `stopped` set.
        cache: remembers scores from one run to the next. What is measured within groups, and faces, are not remembered.
        bank: a person's own posts, `popscore.MemoryBank`: the order, tiers and noise are then those of the personal
            scores. The cache is not used, for it does not know what was seen in a photo.

    Returns:
        The ranking; photos that cannot be read or scored are among its errors. One that cannot be read a second time
        keeps its score and its place by score.

    Raises:
        InvalidSetting: `top` is below 1, or an environment variable cannot be used.
        ModelUnavailable, ModelRefused: there is no model.
        BankRefused: the bank was made with another model.
    """
    _check_top(top)
    scorer = scorer or load_scorer()
    if bank is not None:
        scorer, cache = bank.scorer(scorer), None
    total = len(photos) if isinstance(photos, Sized) else None
    sources = Sources(photos) if group_similar or people else None
    found: list[Candidate | FailedPhoto] = []
    stopped = False
    candidates = scorer.candidates(photos if sources is None else sources, cache=cache)
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
    order = _Order(found, similarity.BURST_S if group_similar else None)
    measures: dict[int, ShotMeasure] | None = None
    if sources is not None and not stopped:
        wanted = order.sides(alone=people)
        looked = look_again(sources, wanted, scorer, people=people)
        measures = {}
        with contextlib.closing(looked):
            for done, (index, measure) in enumerate(looked, 1):
                if measure is not None:
                    measures[index] = measure
                if on_progress:
                    on_progress(len(found) + done, len(found) + len(wanted))
                if cancelled and cancelled():
                    stopped = done != len(wanted)
                    break
    return order.ranking(scorer.model, top=top, stopped=stopped, measures=measures, people=people)


def rank(
    candidates: Iterable[Candidate | FailedPhoto],
    model: ModelInfo,
    *,
    top: int | None = None,
    group_similar: bool = False,
    stopped: bool = False,
    burst_s: float = similarity.BURST_S,
    measures: Mapping[int, ShotMeasure] | None = None,
    people: bool = False,
) -> Ranking:
    """Put scored photos in order. Arguments as `rank_images`; nothing is read or scored.

    Ranks are those of a competition: equal scores share a rank, and the next rank is left out (1, 1, 3).
    They count all photos, those that `top` leaves out too. Photos with a warning come after all others.

    Args:
        burst_s: as `similarity.groups`.
        measures: of photos that share a group, by their place among the candidates, made at the side of their group,
            see `moments.common_side`. By default the score alone decides within groups too.
        people: say what the measures know about faces.

    Raises:
        InvalidSetting: `top` is below 1.
    """
    _check_top(top)
    order = _Order(list(candidates), burst_s if group_similar else None)
    return order.ranking(model, top=top, stopped=stopped, measures=measures, people=people)


def shot_sides(
    candidates: Iterable[Candidate | FailedPhoto], *, burst_s: float = similarity.BURST_S
) -> dict[int, int | None]:
    """Which scored photos share a group, and the longer side at which each is to be measured, for `rank`.

    Args:
        candidates: as scored.
        burst_s: as `similarity.groups`.

    Returns:
        By the place among the candidates.
    """
    return _Order(list(candidates), burst_s).sides(alone=False)


class _Order:
    """Scored photos by their scores, and their groups.

    Args:
        given: as scored.
        burst_s: as `similarity.groups`; None makes no groups.
    """

    def __init__(self, given: Sequence[Candidate | FailedPhoto], burst_s: float | None) -> None:
        self._given = given
        scored = [(index, found) for index, found in enumerate(given) if isinstance(found, Candidate)]
        scored.sort(key=lambda item: place_key(item[1].photo))  # stable: equal scores stay in the order given
        self._scored = scored
        self._photos = [candidate.photo for _, candidate in scored]
        self._groups = None if burst_s is None else _groups([candidate for _, candidate in scored], burst_s)

    def sides(self, *, alone: bool) -> dict[int, int | None]:
        """Longer side at which each photo is to be measured, by its place among those given; None is its own.

        Args:
            alone: the photos without near-duplicates too.
        """
        wanted: dict[int, int | None] = {}
        for members in self._members():
            if len(members) > 1 or alone:
                side = moments.common_side([self._photos[place] for place in members]) if len(members) > 1 else None
                wanted.update({self._scored[place][0]: side for place in members})
        return wanted

    def _members(self) -> list[list[int]]:
        """Places of the photos of each group, best score first."""
        members: dict[int, list[int]] = {}
        for place in range(len(self._photos)):
            members.setdefault(self._groups[place] if self._groups else place, []).append(place)
        return list(members.values())

    def ranking(
        self,
        model: ModelInfo,
        *,
        top: int | None,
        stopped: bool,
        measures: Mapping[int, ShotMeasure] | None,
        people: bool,
    ) -> Ranking:
        """The ranking; arguments as `rank`."""
        photos, groups, noise = self._photos, self._groups, model.spec.likely_noise
        ranks, tiers = ranks_of(photos), _tiers(photos, noise)
        # Which photo stands at each place, and why it stands there within its group.
        dealt, reasons = list(range(len(photos))), [""] * len(photos)
        not_sharp: set[int] = set()
        for members in self._members() if measures is not None else ():
            known = [measures.get(self._scored[place][0]) for place in members] if measures is not None else []
            if len(members) > 1:
                order, why = moments.moment_order(known, [photos[place] for place in members], noise=noise)
                for place, at in zip(members, order, strict=True):
                    dealt[place] = members[at]
                for place, reason, measure in zip(members, why, known, strict=True):
                    reasons[place] = reason
                    if measure is not None and moments.face_not_sharp(measure, known):
                        not_sharp.add(place)
        firsts = set(_firsts(groups)) if groups else set()
        shown = list(range(len(photos)))
        if groups is not None and top is not None:
            shown = _firsts(groups)
        shown, left_out = shown[:top], shown[top:] if top is not None else []
        gaps = [_gap(photos[dealt[a]], photos[dealt[b]]) for a, b in pairwise(shown)]
        results = []
        for spot, gap in zip(shown, [*gaps, None], strict=False):
            place = dealt[spot]
            index, candidate = self._scored[place]
            results.append(
                RankedPhoto.of(
                    candidate.photo,
                    rank=ranks[place],
                    index=index,
                    gap=gap,
                    too_close=gap is not None and gap <= noise,
                    tier=tiers[place],
                    group=groups[place] if groups else None,
                    group_best=spot in firsts if groups else None,
                    group_reason=reasons[place] if groups and measures is not None else None,
                    people=people_seen((measures or {}).get(index), not_sharp=place in not_sharp) if people else None,
                )
            )
        return Ranking(
            model=model,
            results=results,
            errors=[found for found in self._given if isinstance(found, FailedPhoto)],
            noise=noise,
            total=len(photos),
            scenes=max(groups, default=0) if groups is not None else None,
            cut_gap=_gap(photos[dealt[shown[-1]]], photos[dealt[left_out[0]]]) if left_out else None,
            stopped=stopped,
        )


def people_seen(measure: ShotMeasure | None, *, not_sharp: bool = False) -> PeopleSeen:
    """What a measure, if there is one, knows about the people on a photo.

    Args:
        not_sharp: their faces are far less sharp than on another shot of the group.
    """
    if measure is None:
        return PeopleSeen()
    return PeopleSeen(
        faces=measure.faces,
        eyes_closed=measure.eyes_closed,
        face_sharpness=measure.face_sharpness,
        face_not_sharp=not_sharp,
    )


def _gap(photo: ScoredPhoto, lower: ScoredPhoto) -> float | None:
    """Score difference to a photo behind it; None where that one is behind for its warning, not for its score.

    0 where it is behind in spite of its score.
    """
    if photo.warning is None and lower.warning is not None:
        return None
    return max(0.0, photo.order_score - lower.order_score)


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
    firsts: dict[int, int] = {}
    for place, group in enumerate(groups):
        firsts.setdefault(group, place)
    return list(firsts.values())


def _check_top(top: int | None) -> None:
    if top is not None and top < 1:
        raise InvalidSetting(f"top={top} cannot be used: it must be a whole number above 0.")
