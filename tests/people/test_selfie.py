"""A photo as a selfie: which model answers, what was seen, and that every photo gets an answer."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from onnx_files import METADATA, tiny
from photos import sideways
from PIL import Image, ImageDraw, ImageOps
from selfie_models import selfie_model

import popscore
from popscore import ModelRefused, ModelUnavailable, Settings, UnreadableImage, score_selfie
from popscore.models import loader
from popscore.models.preprocess import to_input
from popscore.people.selfie import BIAS, FACE_MARGIN, SelfieScorer, face_square

PLAIN = Settings()


@pytest.fixture
def selfie_file(tmp_path: Path) -> Path:
    path = tmp_path / "selfie.onnx"
    path.write_bytes(selfie_model())
    return path


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


# --- who answers ------------------------------------------------------------------------------------


def test_without_a_selfie_model_the_one_in_use_answers_and_says_so(photos: dict[str, Path]) -> None:
    scorer = popscore.load_scorer(PLAIN)
    found = score_selfie(photos["astronaut"], scorer=scorer, settings=PLAIN)
    scored = scorer.score(photos["astronaut"])
    assert found.probability_from == "percentile"
    assert found.probability == pytest.approx(scored.percentile / 100)
    assert (found.score, found.percentile) == (scored.score, scored.percentile)
    assert found.model == scorer.model
    assert "No selfie model answered" in found.meaning
    assert "popular" not in found.meaning  # the embedded model knows nothing of popularity


def test_a_selfie_model_answers_with_its_log_odds(photos: dict[str, Path], selfie_file: Path) -> None:
    found = score_selfie(photos["astronaut"], settings=Settings(selfie_path=selfie_file))
    assert found.probability_from == "selfie_model"
    spec = found.model.spec
    log_odds = 4 * float(to_input(opened(photos["astronaut"]), spec).mean())
    assert found.score == pytest.approx(log_odds, abs=1e-5)
    assert found.probability == pytest.approx(1 / (1 + math.exp(-log_odds)), abs=1e-6)
    assert (found.model.spec.kind, found.model.source, found.model.origin) == ("selfie", "file", "selfie.onnx")
    assert "selfie model" in found.meaning


def test_a_model_of_faces_sees_the_face_and_nothing_else(photos: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "faces.onnx"
    path.write_bytes(selfie_model(view="face"))
    found = score_selfie(photos["astronaut"], settings=Settings(selfie_path=path))
    image = opened(photos["astronaut"])
    square = face_square(image.size, found.faces[0].box)
    assert found.score == pytest.approx(4 * float(to_input(image.crop(square), found.model.spec).mean()), abs=1e-5)
    # The same face on another ground has the same probability.
    other = Image.new("RGB", image.size, "white")
    other.paste(image.crop(square), square[:2])
    again = score_selfie(other, settings=Settings(selfie_path=path))
    assert again.score == pytest.approx(found.score, abs=0.1)


def test_a_model_of_faces_that_finds_none_gives_way(photos: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "faces.onnx"
    path.write_bytes(selfie_model(view="face"))
    scorer = SelfieScorer(Settings(selfie_path=path))
    found = scorer.score(photos["coffee"])
    assert scorer.model.spec.kind == "selfie"
    assert (found.probability_from, found.model.spec.kind) == ("percentile", "appeal")
    assert found.meaning.startswith("The selfie model looks at a face, and found none.")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiny(size=(32, 48), metadata=METADATA), "its kind is appeal"),
        (tiny(), "it does not say what it is"),
        (selfie_model(input_size="[64, 64]"), "its metadata say otherwise"),
        (selfie_model(view="nose"), "popscore.view"),
        (tiny(size=(32, 32), metadata=None), "must be a PopScore / I2PA file"),
        (b"no model", "not an ONNX model"),
    ],
)
def test_a_model_of_another_kind_or_shape_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=reason):
        SelfieScorer(Settings(selfie_path=path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="Check POPSCORE_SELFIE_MODEL"):
        SelfieScorer(Settings(selfie_path=tmp_path / "none.onnx"))


def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, photos: dict[str, Path]) -> None:
    calls = []

    def fetch(repo: str, *_: object, **__: object) -> None:
        calls.append(repo)
        raise ModelUnavailable(f"{repo} could not be had.")

    monkeypatch.setattr(loader.download, "fetch", fetch)
    monkeypatch.setattr(loader, "_not_had", {})
    found = score_selfie(photos["astronaut"], settings=Settings(selfie_repo="some/selfies"))
    assert found.probability_from == "percentile"
    assert found.model.notice == "some/selfies could not be had. Until then the model in use answers."
    score_selfie(photos["astronaut"], settings=Settings(selfie_repo="some/selfies"))
    assert calls == ["some/selfies"]  # not asked again for each photo
    with pytest.raises(ModelUnavailable):
        SelfieScorer(Settings(selfie_repo="some/selfies", strict=True))


# --- what is seen -----------------------------------------------------------------------------------


def test_what_is_seen_of_the_astronaut(photos: dict[str, Path]) -> None:
    found = score_selfie(photos["astronaut"], settings=PLAIN)
    assert found.is_selfie
    assert found.seen == "One face: happy, eyes open; it fills 4 % of the photo."


def test_a_photo_without_a_face(photos: dict[str, Path]) -> None:
    for name in ("coffee", "cat", "rocket"):
        found = score_selfie(photos[name], settings=PLAIN)
        assert not found.is_selfie
        assert found.seen == "No face was found, so this is hardly a selfie."
        assert 0 <= found.probability <= 1


def test_several_faces_and_small_ones(photos: dict[str, Path]) -> None:
    face = opened(photos["astronaut"]).crop((100, 0, 356, 256))
    two = Image.new("RGB", (600, 300), "gray")
    two.paste(face, (20, 20))
    two.paste(ImageOps.mirror(face), (320, 20))
    found = score_selfie(two, settings=PLAIN)
    assert found.seen.startswith("2 faces; the largest: happy, eyes open; it fills")
    assert found.is_selfie
    far = Image.new("RGB", (1600, 1200), "gray")
    far.paste(face, (600, 500))
    found = score_selfie(far, settings=PLAIN)
    assert len(found.faces) == 1
    assert not found.is_selfie
    assert found.seen.endswith("That is little for a selfie.")


def test_sideways_is_upright(photos: dict[str, Path]) -> None:
    upright = score_selfie(photos["astronaut"], settings=PLAIN)
    turned = score_selfie(sideways(opened(photos["astronaut"]), "PNG", 6), settings=PLAIN)
    assert turned.score == pytest.approx(upright.score, abs=1e-4)
    assert turned.seen == upright.seen


def odd_pictures(astronaut: Image.Image) -> dict[str, Image.Image]:
    drawn = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((40, 30, 260, 280), outline="black", width=5)
    for left in (95, 180):
        draw.ellipse((left, 110, left + 25, 130), fill="black")
    draw.arc((100, 160, 200, 240), 20, 160, fill="black", width=5)
    masked = astronaut.copy()
    ImageDraw.Draw(masked).rectangle((180, 120, 270, 180), fill="lightblue")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    return {
        "grey": ImageOps.grayscale(astronaut),
        "masked": masked,
        "drawing": drawn,
        "upside down": ImageOps.flip(astronaut),
        "one pixel": Image.new("RGB", (1, 1)),
        "tiny": astronaut.resize((40, 40)),
        "strip": astronaut.resize((5000, 200)),
        "tall": Image.new("RGB", (1, 5000), "red"),
        "cut": astronaut.crop((224, 0, 480, 300)),
        "alpha": astronaut.convert("RGBA"),
        "noise": Image.fromarray(noise),
    }


def test_every_picture_gets_an_answer(photos: dict[str, Path], selfie_file: Path) -> None:
    scorers = [SelfieScorer(PLAIN), SelfieScorer(Settings(selfie_path=selfie_file))]
    for number, (name, picture) in enumerate(odd_pictures(opened(photos["astronaut"])).items()):
        found = scorers[number % 2].score(picture)
        assert 0 <= found.probability <= 1, name
        assert found.seen.endswith("."), name
        json.dumps(found.to_json(), allow_nan=False)


def test_a_picture_that_means_nothing_is_told(photos: dict[str, Path]) -> None:
    found = score_selfie(Image.new("RGB", (300, 300)), settings=PLAIN)
    assert found.warning == "almost_black"
    assert "means nothing" in found.seen


def test_path_bytes_file_and_image_give_the_same(photos: dict[str, Path], selfie_file: Path) -> None:
    content = photos["astronaut"].read_bytes()
    for settings in (PLAIN, Settings(selfie_path=selfie_file)):
        scorer = SelfieScorer(settings)
        sources = (photos["astronaut"], content, io.BytesIO(content), opened(photos["astronaut"]))
        assert len({round(scorer.score(source).probability, 6) for source in sources}) == 1


def test_a_photo_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage):
        score_selfie(tmp_path / "none.jpg", settings=PLAIN)


# --- the document -----------------------------------------------------------------------------------


def test_the_document(photos: dict[str, Path]) -> None:
    document = json.loads(json.dumps(score_selfie(photos["astronaut"], settings=PLAIN).to_json(), allow_nan=False))
    assert set(document) == {
        "file", "probability", "probability_from", "score", "percentile", "width", "height", "warning", "is_selfie",
        "seen", "meaning", "note", "faces",
    }  # fmt: skip
    assert document["note"] == BIAS
    assert document["faces"][0]["expressions"]["happy"] > 0.9


def test_bias_is_stated_as_bias_and_not_as_advice() -> None:
    assert "biased" in BIAS
    assert not {"should", "try", "better"} & set(BIAS.lower().split())


@pytest.mark.parametrize("box", [(0, 0, 10, 10), (90, 40, 100, 50), (45, 20, 55, 30), (0, 0, 100, 50), (-5, -5, 3, 3)])
def test_the_square_round_a_face_lies_in_the_photo(box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = face_square((100, 50), box)
    assert 0 <= left < right <= 100
    assert 0 <= top < bottom <= 50
    assert right - left == bottom - top == min(50, round(FACE_MARGIN * max(box[2] - box[0], box[3] - box[1])))
