"""What is learnt from posts of people who do not exist, whose taste is known."""

import numpy as np
import pytest
from simulated_posts import MODEL, START_MS, Simulated, simulated

from popscore.personal.learning import Learnt, learn
from popscore.personal.local_score import DAY_MS
from popscore.personal.looking import Seen
from popscore.personal.retrieval import Retrieval

END_MS = START_MS + 10_000 * DAY_MS


def learnt(found: Simulated, *, at_ms: int = END_MS) -> Learnt:
    return learn(found.stored, MODEL, at_ms=at_ms, retrieval=Retrieval())


def order(found: Simulated, places: range, know: Learnt) -> tuple[float, float]:
    """Rank correlation with the truth of the personal and of the general score."""
    stored = found.stored
    personal = [
        know.judge(Seen(score=float(stored.scores[place]), embedding=stored.embeddings[place])).score
        for place in places
    ]
    truth = ranks(found.truth[list(places)])
    return (
        float(np.corrcoef(ranks(np.array(personal)), truth)[0, 1]),
        float(np.corrcoef(ranks(stored.scores[list(places)]), truth)[0, 1]),
    )


def ranks(values: np.ndarray) -> np.ndarray:
    return values.argsort().argsort().astype(float)


def test_the_right_order_is_found_again() -> None:
    """Learnt from the first 150 posts, asked about the 100 after them; followers grow fourfold."""
    gains = []
    for seed in range(4):
        found = simulated(250, seed=seed)
        at_ms = int(found.stored.times_ms[150])
        personal, general = order(found, range(150, 250), learnt(found, at_ms=at_ms))
        gains.append(personal - general)
    assert min(gains) > 0
    assert np.mean(gains) > 0.1


def test_one_post_that_went_around_the_world_does_not_take_over() -> None:
    for seed in range(3):
        usual, odd = simulated(250, seed=seed), simulated(250, seed=seed, outlier=True)
        at_ms = int(usual.stored.times_ms[150])
        calm, _ = order(usual, range(150, 250), learnt(usual, at_ms=at_ms))
        wild, general = order(odd, range(150, 250), learnt(odd, at_ms=at_ms))
        assert wild > calm - 0.05
        assert wild > general


def test_without_posts_nothing_is_added() -> None:
    found = simulated(20)
    know = learnt(found, at_ms=START_MS)
    said = know.judge(Seen(score=1.5, embedding=found.stored.embeddings[0]))
    assert (said.score, said.support, said.expected_ratio, said.neighbours) == (1.5, 0, 1, ())


@pytest.mark.parametrize("posts", [1, 2, 3, 4, 5, 9])
def test_few_posts_are_no_trouble(posts: int) -> None:
    found = simulated(posts)
    said = learnt(found).judge(Seen(score=3.0, embedding=found.stored.embeddings[0]))
    assert np.isfinite(said.score)
    assert 1 / 8 <= said.expected_ratio <= 8
    assert len(said.neighbours) == min(posts, 5)


@pytest.mark.parametrize("likes", [0, 7])
def test_equal_likes_teach_no_taste(likes: int) -> None:
    found = simulated(40)
    found.stored.likes[:] = likes
    know = learnt(found)
    said = know.judge(Seen(score=3.0, embedding=found.stored.embeddings[0]))
    assert np.isfinite(said.score)
    assert said.expected_ratio == pytest.approx(1, abs=0.05)


def test_equal_times_and_posts_years_apart_are_no_trouble() -> None:
    found = simulated(30)
    found.stored.times_ms[:15] = START_MS
    found.stored.times_ms[15:] = START_MS + np.arange(1, 16) * 100 * DAY_MS
    assert np.isfinite(learnt(found).judge(Seen(score=3.0, embedding=found.stored.embeddings[0])).score)


def test_the_expected_ratio_is_that_of_the_likes() -> None:
    """Posts are sorted into those expected above and below the usual: what they really got lies on the same side."""
    found = simulated(400, seed=2, noise=0.3, growth=1)
    know = learnt(found, at_ms=int(found.stored.times_ms[300]))
    stored = found.stored
    expected = np.array(
        [
            know.judge(Seen(score=float(stored.scores[p]), embedding=stored.embeddings[p])).expected_ratio
            for p in range(300, 400)
        ]
    )
    real = stored.likes[300:] / np.median(stored.likes[200:300])
    high, low = expected > np.quantile(expected, 0.75), expected < np.quantile(expected, 0.25)
    assert np.median(real[high]) > np.median(real[low])
    assert 0.5 < np.median(real[high]) / np.median(expected[high]) < 2
