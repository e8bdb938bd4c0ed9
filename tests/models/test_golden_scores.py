"""The embedded model says today what it said when it was made. The generator is make_golden_scores.py."""

import json

import pytest
from make_golden_scores import GOLDEN, PHOTOS, scores


def test_scores_have_not_drifted() -> None:
    golden, today = json.loads(GOLDEN.read_text(encoding="utf-8")), scores()
    assert today["sha256"] == golden["sha256"], "a new model: run python -m tests.support.make_golden_scores"
    assert list(golden["scores"]) == list(PHOTOS)
    assert today["scores"] == pytest.approx(golden["scores"], abs=golden["tolerance"])


def test_ten_photos_have_ten_scores() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["scores"]
    assert len(set(golden.values())) == len(golden)
