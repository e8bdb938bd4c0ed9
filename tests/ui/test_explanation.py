"""The explanation of a score: true sentences, one account of it, foreign text as text."""

from dataclasses import replace
from pathlib import Path

import pytest
from running_app import ROOT

from popscore import scale
from popscore.models.spec import I2PA_SPEC, ModelInfo
from popscore.results import ScoredPhoto, scored_photo
from popscore.ui.kit.answer_panel import result_panel
from popscore.ui.kit.explanation import explanation, scale_sentences
from popscore.ui.kit.page_parts import looks_row

I2PA = ModelInfo(spec=I2PA_SPEC, source="file", origin="m.onnx", sha256="0" * 64)
OWN = replace(I2PA, spec=replace(I2PA_SPEC, reference_mean=0.5, reference_std=0.1))


def photo(score: float, info: ModelInfo = I2PA, file: str = "a.jpg") -> ScoredPhoto:
    return scored_photo(file, score, (40, 30), info.spec)


def test_only_the_scale_of_i2pa_is_called_that() -> None:
    assert "I2PA research: the average is 2.96, and two of three photos lie within 1.55" in scale_sentences(I2PA)
    assert "I2PA" not in scale_sentences(OWN)
    assert "a scale of its own: the average is 0.5, and two of three photos lie within 0.1" in scale_sentences(OWN)
    for spec in (replace(I2PA_SPEC, reference_mean=3.0), replace(I2PA_SPEC, reference_std=1.0)):
        assert "I2PA" not in "".join(explanation(photo(1.0), replace(I2PA, spec=spec))).replace(
            I2PA_SPEC.reference_population, ""
        )


def test_the_bands_in_the_words_are_those_of_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        "Excellent begins at 4, Good at 2, Fair at 0; what is below is Poor." in explanation(photo(3.0), I2PA).meaning
    )
    monkeypatch.setattr(scale, "BANDS", (replace(scale.BANDS[0], lower=5.5), *scale.BANDS[1:]))
    assert "Excellent begins at 5.5" in explanation(photo(3.0), I2PA).meaning


@pytest.mark.parametrize("score", [-40.0, -3.0, 2.96, 6.9, 9.0, 40.0])
def test_no_score_is_above_all_or_below_none(score: float) -> None:
    said = "".join(explanation(photo(score), I2PA))
    assert "100 of 100" not in said
    assert "than 0 of 100" not in said


def test_a_place_is_put_into_words_in_one_place_only() -> None:
    files = [path for path in (ROOT / "popscore" / "ui").rglob("*") if path.suffix in (".py", ".js", ".html")]
    assert [path for path in files if "of 100" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("score", [-40.0, 0.1, 2.96, 40.0])
def test_the_photo_stands_on_the_curve(score: float) -> None:
    curve = explanation(photo(score), I2PA).curve
    left = float(curve.split('style="left:')[1].split("%")[0])
    assert 0 <= left <= 100
    assert f"stands at {score:.2f}, in the band {scale.band(score).label}" in curve


def test_the_panel_is_the_explanation_with_the_file() -> None:
    parts = explanation(photo(3.2), I2PA)
    own = '<div class="ps-own" hidden></div>'  # where the page shows what a memory bank says
    inside = parts.score + parts.place + own + parts.curve + parts.meaning + looks_row()
    assert result_panel(photo(3.2), I2PA).endswith(inside + "</section>")
    assert parts.to_json() == {"score": parts[0], "place": parts[1], "curve": parts[2], "meaning": parts[3]}


def test_foreign_text_is_text() -> None:
    bad = "<script>alert(1)</script>"
    info = replace(I2PA, spec=replace(I2PA_SPEC, reference_population=f'{bad}" photos'))
    panel = result_panel(photo(3.2, info, file=f"{bad}.jpg"), info)
    assert "<script" not in panel
    assert "&lt;script&gt;" in panel


def test_html_is_escaped_in_one_place() -> None:
    for file in (ROOT / "popscore" / "ui").rglob("*.py"):
        text = Path(file).read_text(encoding="utf-8")
        assert "import html" not in text and "from html" not in text, file
