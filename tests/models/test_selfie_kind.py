"""Models of the kind selfie: their metadata, and words about them."""

import pytest
from selfie_models import SELFIE_METADATA, selfie_model

from popscore import ModelRefused, words
from popscore.models.metadata import as_metadata, spec_from_metadata, values_from_spec
from popscore.models.session import open_session
from popscore.models.spec import ModelInfo, ModelSpec


def test_the_metadata_of_a_selfie_model() -> None:
    spec = open_session(selfie_model(), file="some.onnx").spec
    assert (spec.kind, spec.view, spec.resize, spec.input_size) == ("selfie", "photo", "short_side_crop", (32, 32))
    assert open_session(selfie_model(view="face"), file="some.onnx").spec.view == "face"


@pytest.mark.parametrize("view", ["photo", "face"])
def test_what_is_written_is_read_again(view: str) -> None:
    spec = ModelSpec(name="mine", kind="selfie", input_size=(128, 128), view=view)  # type: ignore[arg-type]
    values = values_from_spec(spec)
    assert spec_from_metadata(as_metadata(values), file="some.onnx") == spec
    assert ("view" in values) == (view == "face")  # files of before, and for those who do not know the word


@pytest.mark.parametrize(("key", "value"), [("view", "nose"), ("kind", "selfies"), ("kind", "")])
def test_a_word_that_is_none_is_refused(key: str, value: str) -> None:
    with pytest.raises(ModelRefused, match=f"popscore.{key}"):
        spec_from_metadata({**SELFIE_METADATA, f"popscore.{key}": value}, file="some.onnx")


def test_words_about_a_selfie_model() -> None:
    spec = open_session(selfie_model(), file="some.onnx").spec
    info = ModelInfo(spec=spec, source="file", origin="some.onnx", sha256="0" * 64)
    assert words.place(72, info) == "more popular than 72 of 100 selfies of a test"
    assert "selfie" in words.meaning(info)
    assert words.answered_by(info) == "Selfie model from a file: tiny selfie model"
    assert info.to_json()["kind"] == "selfie"
    assert info.to_full_json()["input"]["view"] == "photo"
