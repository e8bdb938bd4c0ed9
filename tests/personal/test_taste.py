"""What is learnt from a person's ratings, likes and choices, on people whose taste is known because they are made
up."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from popscore.metrics import pairwise_accuracy, srcc
from popscore.personal.taste import MOST, Taste, learn_from_choices, learn_from_ratings
from popscore.personal.telling_pairs import most_telling_pairs

Floats = npt.NDArray[np.float64]
SCALE = {"reference_mean": 2.96, "reference_std": 1.55}
DAY_S = 86_400.0
WIDTH = 12


@dataclass(frozen=True)
class Photos:
    """Made-up photos: what a model sees in them, what it says, and what one person thinks of them."""

    embeddings: Floats
    general: Floats
    opinions: Floats


def photos(count: int, *, seed: int, taste: float = 1.0) -> Photos:
    """The general score is a line through the embedding, and the person's taste another, `taste` times as strong."""
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(count, WIDTH))
    lines = np.linalg.qr(np.random.default_rng(7).normal(size=(WIDTH, 2)))[0]
    agreement, own = (embeddings @ lines).T
    return Photos(embeddings, SCALE["reference_mean"] + SCALE["reference_std"] * agreement, agreement + taste * own)


def learnt(past: Photos, ratings: npt.ArrayLike, **options: Any) -> Taste:
    return learn_from_ratings(past.embeddings, past.general, ratings, **SCALE, **options)


def order_of(taste: Taste, new: Photos) -> float:
    """Rank correlation of the personal scores with what the person thinks."""
    return srcc(taste.predict(new.embeddings, new.general).scores, new.opinions)


def local_popularity(times: Floats, likes: Floats) -> Floats:
    """Likes over the mean likes of the other posts within a month (FACTS: the local popularity score)."""
    near = np.abs(times[:, None] - times) < 30 * DAY_S
    np.fill_diagonal(near, False)
    others = np.array([likes[row].mean() if row.any() else value for row, value in zip(near, likes, strict=True)])
    return likes / others


def posts(count: int, *, seed: int, noise: float) -> tuple[Photos, Floats, Floats]:
    """Posts of two years while followers grow tenfold and what is liked goes up and down with the season."""
    made, rng = photos(count, seed=seed), np.random.default_rng(seed + 1)
    times = np.sort(rng.uniform(0, 730 * DAY_S, count))
    followers = 500 * 10 ** (times / times[-1])
    season = 1 + 0.3 * np.sin(times / (90 * DAY_S))
    likes = 0.05 * followers * season * 2 ** (0.8 * made.opinions + rng.normal(0, noise, count))
    return made, times, np.round(likes) + 1


class TestNothingIsKnown:
    @pytest.mark.parametrize("ratings", [[], [5.0], [3.0, 3.0, 3.0]], ids=["none", "one", "all alike"])
    def test_the_general_scores_stand(self, ratings: list[float]) -> None:
        past, new = photos(len(ratings), seed=1), photos(20, seed=2)
        found = learnt(past, ratings).predict(new.embeddings, new.general)
        assert found.scores.tolist() == new.general.tolist()
        assert found.support.tolist() == [0.0] * 20
        assert (found.deviation > 0).all()

    def test_no_choice(self) -> None:
        new, none = photos(20, seed=2), np.zeros((0, WIDTH))
        found = learn_from_choices(none, none, [], [], **SCALE).predict(new.embeddings, new.general)
        assert found.scores.tolist() == new.general.tolist()
        assert found.support.tolist() == [0.0] * 20

    def test_weight_0_leaves_a_rating_out(self) -> None:
        past, new = photos(10, seed=1), photos(20, seed=2)
        found = learnt(past, past.opinions, weights=np.zeros(10)).predict(new.embeddings, new.general)
        assert found.scores.tolist() == new.general.tolist()


class TestRatings:
    def test_more_of_them_find_more_of_the_taste(self) -> None:
        new = photos(300, seed=2)
        general = srcc(new.general, new.opinions)
        found = []
        for count in (10, 40, 160):
            past = photos(count, seed=1)
            found.append(order_of(learnt(past, past.opinions), new))
        assert general - 0.01 < found[0] < found[1] < found[2]
        assert found[2] > general + 0.1

    def test_any_scale_of_ratings_gives_the_same(self) -> None:
        past, new = photos(30, seed=1), photos(20, seed=2)
        plain = learnt(past, past.opinions).predict(new.embeddings, new.general)
        other = learnt(past, 1000 + 0.01 * np.exp(past.opinions)).predict(new.embeddings, new.general)
        np.testing.assert_allclose(plain.scores, other.scores, atol=1e-6)

    def test_the_order_of_the_past_does_not_matter(self) -> None:
        past, new = photos(30, seed=1), photos(20, seed=2)
        turned = Photos(past.embeddings[::-1], past.general[::-1], past.opinions[::-1])
        one = learnt(past, past.opinions).predict(new.embeddings, new.general)
        other = learnt(turned, turned.opinions).predict(new.embeddings, new.general)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-9)

    def test_support_grows_and_uncertainty_falls(self) -> None:
        new = photos(50, seed=2)
        few, many = (
            learnt(past, past.opinions).predict(new.embeddings, new.general)
            for past in (photos(5, seed=1), photos(200, seed=1))
        )
        assert 0 < few.support.mean() < many.support.mean() < 1
        assert many.deviation.mean() < few.deviation.mean()

    @pytest.mark.parametrize("count", [5, 20])
    def test_who_has_no_taste_of_their_own_is_hardly_led_astray(self, count: int) -> None:
        new, lost = photos(200, seed=2, taste=0.0), []
        for seed in range(20):
            past = photos(count, seed=100 + seed, taste=0.0)
            ratings = past.opinions + np.random.default_rng(seed).normal(0, 1.7, count)  # as noisy as people's
            lost.append(srcc(new.general, new.opinions) - order_of(learnt(past, ratings), new))
        assert np.mean(lost) < 0.06  # of 1: all there is to know about this person is in the general score

    def test_the_same_photo_many_times(self) -> None:
        past, new = photos(1, seed=1), photos(20, seed=2)
        many = Photos(np.repeat(past.embeddings, 50, axis=0), np.repeat(past.general, 50), np.arange(50.0))
        found = learnt(many, many.opinions).predict(new.embeddings, new.general)
        assert np.isfinite(found.scores).all()
        assert np.isfinite(found.deviation).all()

    def test_more_than_enough_are_cut_to_the_last(self) -> None:
        past = photos(MOST + 5, seed=1)
        assert learnt(past, past.opinions).count == MOST


class TestPosts:
    def test_the_right_order_is_found_while_followers_grow_and_trends_pass(self) -> None:
        new = photos(300, seed=2)
        past, times, likes = posts(120, seed=11, noise=0.5)
        taste = learnt(past, np.log2(local_popularity(times, likes)))
        assert order_of(taste, new) > srcc(new.general, new.opinions) + 0.08

    def test_one_viral_post_does_not_take_over(self) -> None:
        new = photos(300, seed=2)
        for seed in (11, 12, 13):
            past, times, likes = posts(120, seed=seed, noise=0.5)
            calm = learnt(past, np.log2(local_popularity(times, likes)))
            worst = int(
                np.argmin(past.opinions)
            )  # viral for a reason that has nothing to do with what the picture shows
            likes[worst] *= 200
            wild = learnt(past, np.log2(local_popularity(times, likes)))
            assert order_of(wild, new) > order_of(calm, new) - 0.03
            assert order_of(wild, new) > srcc(new.general, new.opinions) + 0.04
            with_it, without = (taste.predict(new.embeddings, new.general).scores for taste in (wild, calm))
            assert np.std(with_it - without) < 0.5 * np.std(without - new.general)


class TestChoices:
    def chosen(self, *, telling: bool, count: int, seed: int) -> float:
        """Pairwise accuracy on other photos after so many choices, less that of the general score."""
        rng, past, new = np.random.default_rng(seed), photos(60, seed=seed), photos(300, seed=2)
        asked: list[tuple[int, int]] = []
        won: list[int] = []
        lost: list[int] = []
        taste = learnt(photos(0, seed=1), [])
        for _ in range(count):
            if telling:
                ((i, j),) = most_telling_pairs(taste, past.embeddings, past.general, 1, asked, rng)
            else:
                i, j = rng.choice(60, 2, replace=False).tolist()
            asked.append((i, j))
            better = past.opinions[i] > past.opinions[j]
            won.append(i if better else j)
            lost.append(j if better else i)
            taste = learn_from_choices(
                past.embeddings[won], past.embeddings[lost], past.general[won], past.general[lost], **SCALE
            )
        assert len({tuple(sorted(pair)) for pair in asked}) == count or not telling
        first, second = np.arange(0, 300, 2), np.arange(1, 300, 2)
        swap = new.opinions[first] < new.opinions[second]
        winners, losers = np.where(swap, second, first), np.where(swap, first, second)
        scores = taste.predict(new.embeddings, new.general).scores
        before = pairwise_accuracy(new.general[winners], new.general[losers])
        return pairwise_accuracy(scores[winners], scores[losers]) - before

    def test_they_teach_and_telling_pairs_teach_no_less(self) -> None:
        telling = np.mean([self.chosen(telling=True, count=20, seed=seed) for seed in range(20, 28)])
        drawn = np.mean([self.chosen(telling=False, count=20, seed=seed) for seed in range(20, 28)])
        assert drawn > 0.0
        assert telling > 0.01
        assert telling > drawn - 0.01

    def test_choices_against_the_general_score_turn_it(self) -> None:
        past = photos(40, seed=3)
        order = np.argsort(past.general)
        worse, better = order[:15], order[-15:]
        taste = learn_from_choices(
            past.embeddings[worse], past.embeddings[better], past.general[worse], past.general[better], **SCALE
        )
        found = taste.predict(past.embeddings, past.general)
        shift = found.scores - past.general
        assert shift[worse].mean() > shift[better].mean() + 0.5
        assert (found.support > 0).any()

    def test_choices_that_contradict_each_other_say_little(self) -> None:
        past = photos(2, seed=3)
        one, other = [0, 1] * 10, [1, 0] * 10
        taste = learn_from_choices(
            past.embeddings[one], past.embeddings[other], past.general[one], past.general[other], **SCALE
        )
        found = taste.predict(past.embeddings, past.general)
        apart = abs(float(found.scores[0] - found.scores[1]))
        assert apart < abs(float(past.general[0] - past.general[1]))  # neither is liked more


class TestTellingPairs:
    def test_no_pair_twice_and_no_more_than_there_are(self) -> None:
        past, rng = photos(5, seed=1), np.random.default_rng(0)
        taste = learnt(photos(0, seed=1), [])
        first = most_telling_pairs(taste, past.embeddings, past.general, 4, [], rng)
        rest = most_telling_pairs(taste, past.embeddings, past.general, 100, [(j, i) for i, j in first], rng)
        assert len(rest) == 6
        assert len({tuple(sorted(pair)) for pair in first + rest}) == 10
        assert all(i != j for i, j in first + rest)

    @pytest.mark.parametrize("count", [0, 1])
    def test_too_few_photos_make_no_pair(self, count: int) -> None:
        past = photos(count, seed=1)
        taste = learnt(photos(0, seed=1), [])
        assert most_telling_pairs(taste, past.embeddings, past.general, 3, [], np.random.default_rng(0)) == []

    def test_two_copies_of_a_photo_are_not_asked_about(self) -> None:
        past = photos(6, seed=1)
        copies = Photos(*(np.concatenate([x, x[:1]]) for x in (past.embeddings, past.general, past.opinions)))
        taste = learnt(photos(0, seed=1), [])
        found = most_telling_pairs(taste, copies.embeddings, copies.general, 20, [], np.random.default_rng(0))
        assert {0, 6} not in [set(pair) for pair in found]

    def test_of_many_photos_some_are_weighed_up(self) -> None:
        past = photos(2000, seed=1)
        taste = learnt(photos(0, seed=1), [])
        rng = np.random.default_rng(0)
        first = most_telling_pairs(taste, past.embeddings, past.general, 3, [(5, 1990)], rng)
        assert len({tuple(sorted(pair)) for pair in first}) == 3
        assert max(max(pair) for pair in first) > 300


class TestRefused:
    def test_numbers_that_do_not_fit(self) -> None:
        past = photos(3, seed=1)
        with pytest.raises(ValueError, match="ratings of shape"):
            learnt(past, [1.0, 2.0])
        with pytest.raises(ValueError, match="finite"):
            learnt(past, [1.0, np.nan, 2.0])
        with pytest.raises(ValueError, match="finite"):
            learn_from_ratings(past.embeddings, [np.inf, 0, 0], [1, 2, 3], **SCALE)
        with pytest.raises(ValueError, match="not a number"):
            learn_from_ratings(past.embeddings * np.nan, past.general, [1, 2, 3], **SCALE)
        with pytest.raises(ValueError, match="winners and"):
            learn_from_choices(past.embeddings, past.embeddings[:2], past.general, past.general[:2], **SCALE)

    def test_embeddings_of_another_model(self) -> None:
        past = photos(3, seed=1)
        taste = learnt(past, [1, 2, 3])
        with pytest.raises(ValueError, match="expected"):
            taste.predict(past.embeddings[:, :5], past.general)
