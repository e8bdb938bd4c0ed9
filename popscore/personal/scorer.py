"""A scorer that also gives personal scores."""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from popscore.models.session import Prediction
from popscore.personal.learning import Learnt
from popscore.personal.looking import see
from popscore.results import PersonalScore
from popscore.scoring.scorer import Scorer


class PersonalScorer(Scorer):
    """The scorer of a person: each result also says what that person's past posts make of it.

    Its model says how large the noise of the personal scores is, so that everything that asks for it is right.

    Args:
        scorer: whose model and limits are used. It reads photos itself, in this process.
        learnt: what the person's past posts teach.
    """

    def __init__(self, scorer: Scorer, learnt: Learnt) -> None:
        self._session, self._spec = scorer._session, scorer._spec
        self.limits, self.at_least, self.exact = scorer.limits, scorer.at_least, scorer.exact
        self.model = replace(scorer.model, spec=replace(scorer.model.spec, noise=learnt.noise))
        self._learnt = learnt

    @property
    def is_personal(self) -> bool:
        """It does."""
        return True

    def personal(self, seen: Prediction, pixels: Image.Image) -> PersonalScore:
        """What the person's own posts say about a picture, see `Scorer.personal`."""
        found = see(self, pixels, people=self._learnt.retrieval.people, prediction=seen)
        return self._learnt.judge(found)
