"""Sentences that more than one door says."""

from dataclasses import replace

import pytest
from rankings import MODEL

from popscore import scale, words
from popscore.results import FAULTS


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Excellent", "Excellent is above 75 of 100"),
        ("Good", "Good is from 27 to 75 of 100"),
        ("Fair", "Fair is from 3 to 27 of 100"),
        ("Poor", "Poor is below 3 of 100"),
    ],
)
def test_a_band_is_a_place_too(label: str, expected: str) -> None:
    assert words.band_place(label, MODEL) == expected


def test_the_place_and_the_word_never_contradict_each_other() -> None:
    for mean, std in ((2.96, 1.55), (0.0, 1.0), (5.0, 0.7)):
        model = replace(MODEL, spec=replace(MODEL.spec, reference_mean=mean, reference_std=std))
        for score in (-1.0, 0.0, 1.9, 2.0, 2.4, 3.9, 4.0, 7.0):
            percentile = scale.percentile(score, mean=mean, std=std)
            said = words.band_place(scale.band(score).label, model)
            low, high = _range(said)
            assert low - 0.5 <= percentile <= high + 0.5, (score, said)


def _range(said: str) -> tuple[float, float]:
    numbers = [float(word) for word in said.split() if word.isdigit()][:-1]
    if "above" in said:
        return numbers[0], 100.0
    return (0.0, numbers[0]) if "below" in said else (numbers[0], numbers[1])


def test_each_warning_has_its_words() -> None:
    assert set(words.WARNINGS) == set(FAULTS)
    assert words.warned("almost_black").startswith("This picture is almost black: ")


def test_photos_side_by_side_go_by_their_places() -> None:
    assert words.verdict_of_places([1.0, 5.0], MODEL).startswith("Right is the more popular one")
    assert words.verdict_of_places([1.0, 5.0], MODEL, stacked=True).startswith("The lower one is the more popular one")
    assert words.verdict_of_places([1.0, 5.0, 9.0], MODEL).startswith("Photo 3 is the more popular one")
    assert words.verdict_of_places([5.0, 5.0], MODEL).startswith("Too close to call: Left")


def test_likes_to_expect_are_said_in_words() -> None:
    assert words.expected_likes(1.62, 0.4) == "1.6 times the usual likes, 40 % from your posts"
    assert words.expected_likes(1.0, 0.0) == "your posts say nothing about it"
    assert words.liked_by_followers(1.62, 0.4).endswith("liked pictures like these 1.6 times as much as usual.")
    assert words.liked_by_followers(1.01, 0.4).endswith("as much as usual.")
    less = words.liked_by_followers(0.62, 0.4)
    assert less == "People who follow you liked pictures like these less than usual: 0.6 times as much."
    little = "Your posts say little about pictures like this one. People who follow you may like it "
    assert words.liked_by_followers(3.0, 0.1) == little + "3.0 times as much as usual."
    assert words.liked_by_followers(0.9, 0.1) == little + "less than usual: 0.9 times as much."
    assert words.liked_by_followers(3.0, 0.004) == "Your posts say nothing about pictures like this one."


def test_how_far_a_bank_is_to_be_trusted_is_said_plainly() -> None:
    assert words.decided_by_bank(0.4, 312, 0) == "Your 312 posts decided 40 % of this score."
    assert words.decided_by_bank(0.4, 1312, 1) == "Your 1,312 posts and 1 choice decided 40 % of this score."
    assert words.decided_by_bank(0.006, 1, 0) == "Your 1 post decided 1 % of this score."
    assert words.decided_by_bank(0.0, 1, 0) == "This is the score that the model gives by itself."
    assert words.local_score(1.84, alone=False) == "1.8 x your usual"
    assert words.local_score(1.0, alone=True) == "no other post near it"
    assert "say nothing" in words.liked_by_followers(1.0, 0.0)
