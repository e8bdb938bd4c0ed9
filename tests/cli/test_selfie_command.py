"""The command `selfie`, as a person calls it."""

from pathlib import Path

import pytest
from commands import Run
from hub_server import Hub
from onnx_files import METADATA, tiny
from selfie_models import selfie_model


def test_what_a_person_reads(run: Run, photos: dict[str, Path]) -> None:
    done = run("selfie", photos["astronaut"], photos["coffee"])
    assert (done.status, done.err) == (0, "")
    assert "No selfie model answered. By the model in use the photo is more appealing than" in done.out
    lines = [line.strip() for line in done.out.splitlines()]
    assert "One face: happy, eyes open; it fills 4 % of the photo." in lines
    assert "happy      1.00  ####################" in lines
    assert "No face was found, so this is hardly a selfie." in lines
    assert "biased" in done.out
    assert max(map(len, done.out.splitlines())) < 140  # the path of a photo is the longest


def test_one_json_document(run: Run, photos: dict[str, Path], tmp_path: Path) -> None:
    model = tmp_path / "selfie.onnx"
    model.write_bytes(selfie_model())
    done = run("selfie", "--json", photos["astronaut"], "nothing.jpg", POPSCORE_SELFIE_MODEL=model)
    assert done.status == 1
    document = done.json
    assert set(document) == {"model", "results", "errors"}
    assert (document["model"]["name"], document["model"]["kind"]) == ("tiny selfie model", "selfie")
    (result,) = document["results"]
    assert result["probability_from"] == "selfie_model"
    assert result["file"] == str(photos["astronaut"])
    assert set(result["faces"][0]["expressions"]) >= {"happy", "sad", "neutral"}
    assert document["errors"][0]["error"] == "UnreadableImage"
    assert "nothing.jpg" in done.err


def test_no_readable_photo_is_status_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    done = run("selfie", "--json", tmp_path / "empty.jpg")
    assert done.status == 2
    assert done.json["results"] == []


def test_a_model_of_another_kind_is_refused_with_the_reason(run: Run, photos: dict[str, Path], tmp_path: Path) -> None:
    model = tmp_path / "appeal.onnx"
    model.write_bytes(tiny(size=(32, 48), metadata=METADATA))
    done = run("selfie", photos["astronaut"], POPSCORE_SELFIE_MODEL=model)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("popscore: appeal.onnx was refused: its kind is appeal")
    # The other commands do not care.
    assert run("score", photos["astronaut"], POPSCORE_SELFIE_MODEL=model).status == 0


def test_a_model_of_the_hub(run: Run, hub: Hub, photos: dict[str, Path]) -> None:
    hub.repository("some/selfies").commit({"model.onnx": selfie_model()})
    given = {"HF_ENDPOINT": hub.url, "POPSCORE_SELFIE_MODEL": "some/selfies"}
    done = run("selfie", "--json", photos["astronaut"], **given)
    assert (done.status, done.err) == (0, "")
    model = done.json["model"]
    assert (model["source"], model["kind"]) == ("hub", "selfie")
    assert len(model["revision"]) == 40


@pytest.mark.slow
def test_a_hub_without_it_says_why_the_model_in_use_answers(run: Run, hub: Hub, photos: dict[str, Path]) -> None:
    given = {"HF_ENDPOINT": hub.url, "POPSCORE_SELFIE_MODEL": "some/selfies"}
    done = run("selfie", "--json", photos["astronaut"], **given)
    assert done.status == 0
    assert done.json["results"][0]["probability_from"] == "percentile"
    notice = done.json["model"]["notice"]
    assert "some/selfies" in notice
    assert done.err == f"popscore: {notice}\n"
    assert run("selfie", photos["astronaut"], POPSCORE_STRICT="1", **given).status == 2


def test_a_selfie_model_scores_too(run: Run, photos: dict[str, Path], tmp_path: Path) -> None:
    """It is an image scorer like any other, and never says that it knows appeal."""
    model = tmp_path / "selfie.onnx"
    model.write_bytes(selfie_model())
    done = run("score", photos["astronaut"], POPSCORE_MODEL_PATH=model)
    assert done.status == 0
    assert "more popular than" in done.out
    assert run("model", "--json", POPSCORE_MODEL_PATH=model).json["kind"] == "selfie"
