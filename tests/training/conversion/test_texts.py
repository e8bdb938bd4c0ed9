"""With a popularity model, every door speaks of popularity, as its metadata say."""

from pathlib import Path

import pytest
from onnx_files import tiny

import popscore
from popscore import words
from popscore.models.metadata import as_metadata
from popscore.scoring.scorer import Scorer
from popscore.settings import Settings
from popscore.training.conversion import records
from popscore.ui.kit.answer_panel import result_panel
from popscore.ui.kit.model_badge import model_badge


@pytest.fixture(params=[records.AUTHORS_SPEC, records.OWN_SPEC], ids=["authors", "own"])
def scorer(request: pytest.FixtureRequest, tmp_path: Path) -> Scorer:
    metadata = as_metadata(records.values_of(request.param, weights=records.OWN, source_sha256="0" * 64))
    (tmp_path / "model.onnx").write_bytes(tiny(metadata=metadata))
    return popscore.load_scorer(Settings(model_path=tmp_path / "model.onnx"))


def test_the_app_speaks_of_popularity(scorer: Scorer, cat: Path) -> None:
    photo = scorer.score(cat)
    spec = scorer.model.spec
    badge, result = model_badge(scorer.model), result_panel(photo, scorer.model)
    assert f"Popularity model from a file: {spec.name}" in badge
    assert f"More popular than {words.of_100(photo.percentile)} {spec.reference_population}" in result
    assert "how much people will like this photo" in result
    assert "appeal" not in (badge + result).lower()
    assert photo.label in result and f"{photo.score:.2f}" in result


def test_percentile_and_win_probability_are_the_papers(scorer: Scorer) -> None:
    from popscore.scale import percentile, win_probability

    spec = scorer.model.spec
    places = [percentile(score, mean=spec.reference_mean, std=spec.reference_std) for score in (0, 2, 4)]
    assert places == pytest.approx([2.8, 26.8, 74.9], abs=0.06)
    assert win_probability(1.0, 0.0, win_scale=spec.win_scale) == pytest.approx(0.7311, abs=1e-4)
    assert "the more popular one" in words.verdict("A", 3.0, "B", 2.0, scorer.model)
