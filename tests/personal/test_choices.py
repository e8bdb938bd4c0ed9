"""Learning from choices between two of one's own photos."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import popscore
from popscore.personal.choices import ENOUGH, Album, Pair, Trust, next_pair, trust

PHOTOS, DIRECTIONS = 40, 64


@pytest.fixture(scope="module")
def scorer() -> popscore.Scorer:
    return popscore.load_scorer()


def invented(scorer: popscore.Scorer, seed: int) -> tuple[Album, np.ndarray]:
    """Photos of two kinds, of which a person likes one kind, whatever the general score says.

    Of another model than the embedded one: what was learned about tastes on its embedding says nothing here.
    """
    random = np.random.default_rng(seed)
    dimensions = len(scorer.predict(popscore_photo(), embedding=True).embedding)  # type: ignore[arg-type]
    kinds = random.normal(size=(2, dimensions))
    kind = np.arange(PHOTOS) % 2
    embeddings = (kinds[kind] + 0.5 * random.normal(size=(PHOTOS, dimensions))).astype(np.float32)
    spec = scorer.model.spec
    scores = random.normal(spec.reference_mean, 0.3 * spec.reference_std, PHOTOS)
    likes = kind * 2.0 + 0.1 * random.normal(size=PHOTOS)
    return Album(embeddings=embeddings, scores=scores, model=replace(scorer.model, sha256="0" * 64)), likes


def popscore_photo() -> Image.Image:
    return Image.new("RGB", (64, 64), (90, 120, 60))


def chosen(album: Album, likes: np.ndarray, count: int) -> list[Pair]:
    """What the person answers when asked."""
    choices: list[Pair] = []
    while len(choices) < count:
        pair = next_pair(album, choices, [])
        assert pair is not None
        first, second = pair
        choices.append((first, second) if likes[first] > likes[second] else (second, first))
    return choices


def right(scores: np.ndarray, likes: np.ndarray) -> float:
    first, second = np.triu_indices(len(likes), 1)
    return float(np.mean((scores[first] > scores[second]) == (likes[first] > likes[second])))


def test_a_few_choices_lift_what_a_person_likes(scorer: popscore.Scorer) -> None:
    album, likes = invented(scorer, 1)
    found = album.taste(chosen(album, likes, 15)).predict(album.embeddings, album.scores)
    lifted = found.scores - album.scores
    assert lifted[likes > 1].mean() > lifted[likes < 1].mean() + 1
    assert right(found.scores, likes) > right(album.scores, likes) + 0.1
    assert (found.support > 0).all()


def test_no_pair_is_asked_twice_and_an_end_is_an_end(scorer: popscore.Scorer) -> None:
    album, _ = invented(scorer, 2)
    few = Album(embeddings=album.embeddings[:4], scores=album.scores[:4], model=album.model)
    asked: list[Pair] = []
    while (pair := next_pair(few, asked[::2], asked[1::2])) is not None:
        assert frozenset(pair) not in {frozenset(one) for one in asked}
        asked.append(pair)
    assert len(asked) == 6
    alone = Album(embeddings=album.embeddings[:1], scores=album.scores[:1], model=album.model)
    assert next_pair(alone, [], []) is None


def test_the_same_choices_lead_to_the_same_question(scorer: popscore.Scorer) -> None:
    album, likes = invented(scorer, 3)
    choices = chosen(album, likes, 5)
    assert next_pair(album, choices, []) == next_pair(album, choices, [])


def test_trust_is_told_from_choices_that_were_not_known_yet(scorer: popscore.Scorer) -> None:
    album, likes = invented(scorer, 4)
    choices = chosen(album, likes, 20)
    found = trust(album, choices)
    assert found.choices == 20
    assert found.by_score == sum(album.scores[winner] > album.scores[loser] for winner, loser in choices)
    assert found.by_taste >= found.by_score
    assert f"{found.by_taste} of 20 by your taste, {found.by_score} by the score alone" in found.sentence
    assert trust(album, choices[: ENOUGH - 1]).sentence.startswith("1 more choice,")


def test_a_taste_that_foretells_no_more_than_the_score_says_so() -> None:
    assert "teach nothing" in Trust(choices=12, by_taste=7, by_score=7).sentence
    assert "teach nothing" in Trust(choices=12, by_taste=6, by_score=7).sentence
    assert "take the order as a start" in Trust(choices=12, by_taste=9, by_score=7).sentence
