"""What popscore answers with: values that every door shows in the same words."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args

from popscore import scale
from popscore.errors import NothingToRank, PopscoreError
from popscore.models.spec import Json, ModelInfo, ModelSpec

Fault = Literal["almost_black", "one_color", "not_a_photo"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""What may be wrong with a picture, see `popscore.photos.faults`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """One of a person's own posts that is like a photo.

    Attributes:
        id: of the post.
        psi: how much it is like the photo, 0 to 1, see `popscore.personal.retrieval`.
        local_score: its likes over the mean likes of that person's other posts within a month.
    """

    id: str
    psi: float
    local_score: float

    def to_json(self) -> Json:
        """As a part of a result."""
        return {"id": self.id, "psi": round(self.psi, 4), "local_score": round(self.local_score, 4)}


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonalScore:
    """What a person's own past posts say about a photo.

    Attributes:
        score: on the scale of the model's own score, which it is where there are no posts.
        expected_ratio: expected likes over the person's usual likes; 1 where there are no posts.
        support: how much of the score the posts have decided, 0 to 1.
        neighbours: the posts that are most like the photo, the nearest first.
    """

    score: float
    expected_ratio: float
    support: float
    neighbours: tuple[Neighbour, ...] = ()

    def to_json(self) -> Json:
        """The keys that a result has besides, where there is a memory bank."""
        return {
            "personal_score": round(self.score, 4),
            "expected_ratio": round(self.expected_ratio, 4),
            "support": round(self.support, 4),
            "neighbours": [neighbour.to_json() for neighbour in self.neighbours],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredPhoto:
    """A photo with its score.

    Attributes:
        file: what the photo was called by whoever gave it.
        score: the model's output; comparable within one model only.
        percentile: share of the reference population that scores lower than `order_score`, 0 to 100.
        label, color: name and `#rrggbb` of the band of `order_score`.
        width, height: of the upright photo, in pixels.
        rank: 1 is best among the photos of the same call; a photo alone is first. Those with a warning come after
            all others.
        warning: the picture is almost black, of one colour, or not a photograph but text or a screen; the score
            of such a picture means nothing. None for all others.
        personal: what a person's own past posts say about it; None without a memory bank.
    """

    file: str
    score: float
    percentile: float
    label: str
    color: str
    width: int
    height: int
    rank: int = 1
    warning: Fault | None = None
    personal: PersonalScore | None = None

    @classmethod
    def of(cls, photo: "ScoredPhoto", **more: Any) -> Self:
        """The photo as one of this class.

        Args:
            photo: whose values are taken.
            more: values that are others, or that only this class has.
        """
        known = {item.name: getattr(photo, item.name) for item in fields(ScoredPhoto)}
        return cls(**{**known, **more})

    @property
    def personal_score(self) -> float | None:
        """The score after a person's own past posts have spoken; None without a memory bank."""
        return None if self.personal is None else self.personal.score

    @property
    def order_score(self) -> float:
        """What decides about place and label: the personal score where there is one, else the model's."""
        return self.score if self.personal is None else self.personal.score

    def to_json(self) -> Json:
        """The result object of every door."""
        personal = {} if self.personal is None else self.personal.to_json()
        return {
            "file": self.file,
            "rank": self.rank,
            "score": round(self.score, 4),
            "percentile": round(self.percentile, 1),
            "label": self.label,
            "color": self.color,
            "width": self.width,
            "height": self.height,
            "warning": self.warning,
            **personal,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleSeen:
    """What was seen of the people on a photo; all None where it could not be read once more.

    Attributes:
        faces: how many.
        eyes_closed: faces of which no eye is open and one is closed.
        face_sharpness: median over the faces, comparable between shots of the same people only; None without faces.
        face_not_sharp: its faces are far less sharp than those of another shot of its group.
    """

    faces: int | None = None
    eyes_closed: int | None = None
    face_sharpness: float | None = None
    face_not_sharp: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedPhoto(ScoredPhoto):
    """A photo with its score and its place among the others.

    Attributes:
        index: which of the photos given it is, from 0; names need not be different.
        gap: score difference to the next result of the list, at least 0, which it also is where the next one has the
            higher score and gives way within their group; None for the last result, and for the last one before those
            with a warning.
        tier: 1 is best; the scores of a tier differ by no more than the model's noise, each from each, so the order
            within it is not to be trusted. Counted over all photos, those that `top` leaves out too.
        too_close: the gap is within the model's noise, so the order of this photo and the next one is
            not to be trusted.
        group: number of the photo's group of near-duplicates, 1 for the group of the best photo; a photo
            without near-duplicates is a group of its own. None when groups were not asked for.
        group_best: the photo leads its group: by score, the first one given if several score the same; or by the rule
            of `popscore.gallery.moments`, where its shots were measured.
        group_reason: why the photo stands where it stands within its group, in words; "" for a photo without
            near-duplicates, None where nothing was measured.
        people: what was seen of the people on it; None where that was not asked for.
    """

    index: int
    gap: float | None
    too_close: bool
    tier: int
    group: int | None = None
    group_best: bool | None = None
    group_reason: str | None = None
    people: PeopleSeen | None = None

    def to_json(self) -> Json:
        """The result object of every door that ranks."""
        # Not super(): a class with slots is made twice, and super() knows the first one.
        document = ScoredPhoto.to_json(self)
        warning = document.pop("warning")
        document["gap"] = None if self.gap is None else round(self.gap, 4)
        document["too_close"] = self.too_close
        document["tier"] = self.tier
        document["warning"] = warning
        if self.group is not None:
            document["group"] = self.group
            document["group_best"] = self.group_best
        if self.group_reason is not None:
            document["group_reason"] = self.group_reason or None
        if self.people is not None:
            sharp = self.people.face_sharpness
            document["faces"] = self.people.faces
            document["eyes_closed"] = self.people.eyes_closed
            document["face_sharpness"] = None if sharp is None else round(sharp, 3)
        return document


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedPhoto:
    """A photo that has no score, and why."""

    file: str
    error: PopscoreError

    def to_json(self) -> Json:
        """The error object of every door."""
        return {"file": self.file, "error": type(self.error).__name__, "message": str(self.error)}


Outcome = ScoredPhoto | FailedPhoto


@dataclass(frozen=True, kw_only=True)
class Report:
    """The answer about many photos: results and errors side by side."""

    model: ModelInfo
    results: Sequence[ScoredPhoto]
    errors: Sequence[FailedPhoto]

    def to_json(self) -> Json:
        """The document of every door that answers about many photos."""
        return {
            "model": self.model.to_json(),
            "results": [result.to_json() for result in self.results],
            "errors": [error.to_json() for error in self.errors],
        }


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Photos, best first.

    Attributes:
        results: best first; photos of the same score in the order given. Shots of one moment that were measured share
            among them, by the rule of `popscore.gallery.moments`, the places that their scores give them; ranks and
            tiers stay those of the scores. All photos, or those that `top` asked for.
        errors: the photos without a score, in the order given.
        noise: score difference up to which the order of two photos is not to be trusted.
        total: photos with a score, shown in `results` or not.
        scenes: groups of near-duplicates among all of them, single photos included; None when groups were
            not asked for.
        cut_gap: score difference between the last result and the best photo that `top` left out; None
            when nothing was left out.
        stopped: the caller stopped the work, and photos were left unread.
    """

    model: ModelInfo
    results: Sequence[RankedPhoto]
    errors: Sequence[FailedPhoto]
    noise: float
    total: int
    scenes: int | None = None
    cut_gap: float | None = None
    stopped: bool = False

    @property
    def best(self) -> RankedPhoto:
        """The first result.

        Raises:
            NothingToRank: no photo has a score.
        """
        if self.results:
            return self.results[0]
        if self.errors:
            raise NothingToRank(f"No photo could be scored. {self.errors[0].error}")
        raise NothingToRank("There is no best photo: no photo was given.")

    def to_json(self) -> Json:
        """The document of every door that ranks photos."""
        return {
            "model": self.model.to_json(),
            "results": [result.to_json() for result in self.results],
            "errors": [error.to_json() for error in self.errors],
            "noise": round(self.noise, 4),
            "total": self.total,
            "scenes": self.scenes,
        }


def scored_photo(
    file: str,
    score: float,
    size: tuple[int, int],
    spec: ModelSpec,
    warning: Fault | None = None,
    personal: PersonalScore | None = None,
) -> ScoredPhoto:
    """A score with its place on the model's scale: percentile, band and colour.

    Args:
        file: what the photo is called.
        score: the model's output.
        size: (width, height) of the upright photo, in pixels.
        spec: of the model.
        warning: what is wrong with the picture.
        personal: what a person's own posts say about it; percentile and band are then those of the personal score.
    """
    deciding = score if personal is None else personal.score
    band = scale.band(deciding)
    return ScoredPhoto(
        file=file,
        score=score,
        percentile=scale.percentile(deciding, mean=spec.reference_mean, std=spec.reference_std),
        label=band.label,
        color=band.color,
        width=size[0],
        height=size[1],
        warning=warning,
        personal=personal,
    )


def place_key(photo: ScoredPhoto) -> tuple[bool, float]:
    """Sorts photos best first: by score, and those with a warning after all others."""
    return photo.warning is not None, -photo.order_score


def competition_ranks(scores: Sequence[float]) -> list[int]:
    """Rank of each score, 1 for the highest: equal scores share a rank, and the next rank is left out (1, 1, 3)."""
    ascending = sorted(-score for score in scores)
    return [1 + bisect_left(ascending, -score) for score in scores]


def ranks_of(photos: Sequence[ScoredPhoto]) -> list[int]:
    """Rank of each photo, as `competition_ranks`; those with a warning come after all others."""
    best_first = sorted(map(place_key, photos))
    return [1 + bisect_left(best_first, place_key(photo)) for photo in photos]


def report(model: ModelInfo, outcomes: Iterable[Outcome]) -> Report:
    """Sort outcomes into results, each with its rank, and errors. The order stays as given."""
    outcomes = list(outcomes)
    scored = [outcome for outcome in outcomes if isinstance(outcome, ScoredPhoto)]
    ranks = ranks_of(scored)
    return Report(
        model=model,
        results=[replace(photo, rank=rank) for photo, rank in zip(scored, ranks, strict=True)],
        errors=[outcome for outcome in outcomes if isinstance(outcome, FailedPhoto)],
    )
