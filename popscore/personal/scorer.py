"""A scorer that also gives personal scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from PIL import Image

from popscore.models.session import Prediction
from popscore.personal.learning import Learnt
from popscore.personal.looking import from_plain, look_at_picture, look_for_people, see
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource, named
from popscore.results import PersonalScore
from popscore.scoring.scorer import Candidate, Content, Scorer

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


class PersonalScorer(Scorer):
    """The scorer of a person: each result also says what that person's past posts make of it.

    Its model says how large the noise of the personal scores is, so that everything that asks for it is right.

    Args:
        scorer: reads and scores the photos, in the place where it does that.
        learnt: what the person's past posts teach.
    """

    def __init__(self, scorer: Scorer, learnt: Learnt) -> None:
        self._base, self._learnt = scorer, learnt
        self._session, self._spec = scorer._session, scorer._spec
        self.limits, self.at_least, self.exact = scorer.limits, scorer.at_least, scorer.exact
        self.model = replace(scorer.model, spec=replace(scorer.model.spec, noise=learnt.noise))
        self._look = look_for_people if learnt.retrieval.people else look_at_picture

    @property
    def is_personal(self) -> bool:
        """It does."""
        return True

    def personal(self, seen: Prediction, pixels: Image.Image) -> PersonalScore:
        """What the person's own posts say about a picture, see `Scorer.personal`."""
        return self._learnt.judge(see(self, pixels, people=self._learnt.retrieval.people, prediction=seen))

    def candidate(self, photo: PhotoSource | NamedPhoto) -> Candidate:
        """Score one photo, and take from it what ranking needs to know. Errors as `score`."""
        photo = named(photo)
        return self._candidate(photo.name, self._judged(photo, hurry=True))

    def content(self, photo: NamedPhoto) -> Content:
        """Find out all there is about the content of a photo. Errors as `score`."""
        return self._judged(photo, hurry=False)

    def look(
        self,
        photo: NamedPhoto,
        task: Callable[Concatenate[NamedPhoto, ImageLimits, Arguments], Found],
        *arguments: Arguments.args,
        **named_ones: Arguments.kwargs,
    ) -> Found:
        """Have something else found out about a photo, where the other scorer reads its photos. As `Scorer.look`."""
        return self._base.look(photo, task, *arguments, **named_ones)

    def _judged(self, photo: NamedPhoto, *, hurry: bool) -> Content:
        content, plain = self._base.content_with(photo, self._look, hurry=hurry)
        return replace(content, personal=self._learnt.judge(from_plain(plain, self._learnt.dimensions)))
