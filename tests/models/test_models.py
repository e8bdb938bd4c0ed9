"""The loader, the session and the metadata, on tiny ONNX files and on a real ResNet-50."""

import hashlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx_files
import pytest
from onnx import TensorProto
from onnx_files import METADATA, tiny
from PIL import Image

import popscore
from popscore.errors import ModelRefused, ModelUnavailable, PopscoreError, ScoringFailed
from popscore.models import load_model, loader
from popscore.models.session import open_session
from popscore.models.spec import I2PA_SPEC, ModelSpec
from popscore.scale import I2PA_REFERENCE_MEAN, I2PA_REFERENCE_STD
from popscore.settings import Settings

GREY = np.full((1, 3, 224, 224), 0.5, dtype=np.float32)


def refusal(content: bytes) -> str:
    with pytest.raises(ModelRefused) as found:
        open_session(content, file="some.onnx")
    message = str(found.value)
    assert message.startswith("some.onnx was refused: ") and len(message) < 500 and message.isprintable()
    return message


# --- bare files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, "N", "batch_size"])
@pytest.mark.parametrize("output", ["scalar", "[1]", "[N]", "[N, 1]"])
def test_bare_file_is_a_popscore_model(batch: int | str, output: str) -> None:
    shape = {"scalar": (), "[1]": (1,), "[N]": (batch,), "[N, 1]": (batch, 1)}[output]
    session = open_session(tiny(batch=batch, output_shape=shape), file="some.onnx")
    assert session.spec is I2PA_SPEC
    assert session.predict(GREY).score == pytest.approx(2.0)


def test_bare_file_has_the_i2pa_input_and_scale() -> None:
    assert (I2PA_SPEC.input_size, I2PA_SPEC.resize, I2PA_SPEC.kind) == ((224, 224), "squash", "popularity")
    assert (I2PA_SPEC.mean, I2PA_SPEC.std) == ((0, 0, 0), (1, 1, 1))
    assert (I2PA_SPEC.reference_mean, I2PA_SPEC.reference_std, I2PA_SPEC.win_scale) == (2.96, 1.55, 1.0)


def test_metadata_of_others_do_not_matter() -> None:
    assert open_session(tiny(metadata={"author": "someone"}), file="some.onnx").spec is I2PA_SPEC


def test_names_of_input_and_single_output_do_not_matter() -> None:
    assert open_session(tiny(outputs=["popularity"]), file="some.onnx").score_output == "popularity"


def test_output_named_output_is_taken_among_several() -> None:
    assert open_session(tiny(outputs=["map", "output"]), file="some.onnx").score_output == "output"


@pytest.mark.slow
def test_resnet50_scores_as_the_reference(
    tmp_path: Path, photos: dict[str, Path], resnet50_file: Path, resnet50_weights: onnx_files.Weights
) -> None:
    """The whole path, from the photo's file to the score, for a fixed batch of 1 and a free batch."""
    free = tmp_path / "free.onnx"
    free.write_bytes(onnx_files.resnet50(resnet50_weights, batch="N"))
    scorers = [popscore.load_scorer(Settings(model_path=path)) for path in (resnet50_file, free)]
    assert all(scorer.model.spec is I2PA_SPEC for scorer in scorers)
    references = []
    for name in ("cat", "coffee"):
        with Image.open(photos[name]) as photo:
            small = photo.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
        pixels = np.asarray(small, dtype=np.float32).transpose(2, 0, 1) / 255
        references.append(onnx_files.resnet50_reference(resnet50_weights, pixels))
        for scorer in scorers:
            assert scorer.score(photos[name]).score == pytest.approx(references[-1], abs=1e-4)
    assert abs(references[0] - references[1]) > 0.01  # the network does look at its input


# --- metadata ----------------------------------------------------------------------------------------


def test_all_metadata() -> None:
    session = open_session(tiny(size=(32, 48), metadata=METADATA), file="some.onnx")
    assert session.spec == ModelSpec(
        name="tiny",
        version="7",
        kind="appeal",
        description="Mean brightness.",
        input_size=(32, 48),
        resize="squash",
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 0.6, 0.7),
        reference_mean=1.5,
        reference_std=0.5,
        reference_population="photos of a test",
        win_scale=2.0,
        licence="MIT",
        training_data="none",
        accuracy={"spearman": 0.5},
    )


REQUIRED = {key: METADATA[f"popscore.{key}"] for key in ("name", "kind", "input_size", "resize")}


def described(**changes: str | None) -> bytes:
    """A tiny 32 x 48 model with the required metadata and changes to them; None leaves a key out."""
    values = {key: value for key, value in {**REQUIRED, **changes}.items() if value is not None}
    return tiny(size=(32, 48), metadata={f"popscore.{key}": value for key, value in values.items()})


def test_defaults_of_metadata() -> None:
    spec = open_session(described(), file="some.onnx").spec
    assert (spec.mean, spec.std, spec.win_scale) == ((0, 0, 0), (1, 1, 1), 1)
    assert (spec.reference_mean, spec.reference_std) == (I2PA_REFERENCE_MEAN, I2PA_REFERENCE_STD)
    assert (spec.version, spec.licence, spec.accuracy) == (None, None, {})
    assert spec.noise is None and 0 < spec.likely_noise < spec.reference_std


def test_noise_of_metadata() -> None:
    spec = open_session(described(noise="0.31"), file="some.onnx").spec
    assert spec.noise == spec.likely_noise == 0.31


def test_free_height_and_width_are_settled_by_metadata() -> None:
    content = tiny(size=("H", "W"), batch="N", metadata=METADATA)
    assert open_session(content, file="some.onnx").spec.input_size == (32, 48)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("name", [None, "", "   ", "x" * 5000]),
        ("kind", [None, "likes", "Appeal"]),
        ("resize", [None, "stretch"]),
        ("input_size", [None, "0", "[0, 0]", "[32]", "[32, 48, 3]", "[32.5, 48]", "[8, 8]", "[1e9, 48]", '"32"', "x"]),
        ("mean", ["[0, 0]", "[NaN, 0, 0]", '["a", 0, 0]', "0", "[true, 0, 0]", "null"]),
        ("std", ["[0, 1, 1]", "[1, 1, -1]", "[Infinity, 1, 1]", "[1, 1]", "[[[[", "[" * 5000]),
        ("reference_mean", ["NaN", "mean", "[1]", "true", "1e999", "1" * 400, "1" * 5000]),
        ("reference_std", ["0", "-1", "NaN", "Infinity"]),
        ("win_scale", ["0", "-2", "{}"]),
        ("noise", ["0", "-0.1", "NaN", "[]", "null"]),
        ("accuracy", ["0.7", '{"spearman": "high"}', '{"spearman": NaN}', "[]"]),
        ("description", ["x" * 5000]),
    ],
)
def test_bad_metadata_are_refused(key: str, values: list[str | None]) -> None:
    for value in values:
        message = refusal(described(**{key: value}))
        assert f"popscore.{key} " in message and "must be" in message
        assert ("is missing" in message) == (value is None)


def test_metadata_that_are_not_utf8() -> None:
    content = described(name="NAME").replace(b"NAME", b"\xff\xfe\xfd\xfc")
    assert open_session(content, file="some.onnx").spec.name == "????"


def test_input_size_that_is_not_the_graphs() -> None:
    assert "its input is tensor(float) [1, 3, 32, 48]" in refusal(described(input_size="[48, 32]"))


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an ONNX model"),
        (b"GIF89a", "not an ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "not an ONNX model"),
        (tiny()[:-40], "not an ONNX model that runs here (Failed to load model because protobuf parsing failed)"),
        (tiny(ir_version=99), "(Unsupported model IR version: 99"),
        (tiny(extra_input=True), "it has 2 inputs (input, caption)"),
        (tiny(size=(256, 256)), "its input is tensor(float) [1, 3, 256, 256]"),
        (tiny(channels=1), "its input is tensor(float) [1, 1, 224, 224]"),
        (tiny(batch=4, output_shape=(4, 1)), "its input is tensor(float) [4, 3, 224, 224]"),
        (tiny(rank=3), "its input is tensor(float) [1, 3, 224]"),
        (tiny(input_type=TensorProto.FLOAT16), "its input is tensor(float16)"),
        (tiny(input_type=TensorProto.UINT8), "its input is tensor(uint8)"),
        (tiny(size=("H", "W")), "without metadata"),
        (tiny(output_shape=(1, 1000)), "its output is tensor(float) [1, 1000]"),
        (tiny(batch="N", output_shape=("N", 2)), "its output is tensor(float) [N, 2]"),
        (tiny(outputs=["a", "b"]), "it has 2 outputs (a, b) and none is called 'output'"),
        (onnx_files.with_external_weights("weights.bin"), "its weights lie in another file"),
    ],
)
def test_refused(content: bytes, reason: str) -> None:
    assert reason in refusal(content)


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "{folder}/weights.bin"])
@pytest.mark.parametrize("length", [1, 3 * 224 * 224])
def test_other_files_are_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, length: int
) -> None:
    """onnxruntime would read them from the working directory, and from above it."""
    (tmp_path / "inner").mkdir()
    for folder in (tmp_path, tmp_path / "inner"):
        (folder / "weights.bin").write_bytes(np.ones(length, dtype=np.float32).tobytes())
    monkeypatch.chdir(tmp_path / "inner")
    content = onnx_files.with_external_weights(location.format(folder=tmp_path), length=length)
    assert "its weights lie in another file" in refusal(content)


@pytest.mark.parametrize("factor", [np.nan, np.inf, -np.inf])
def test_score_that_is_not_a_number(factor: float) -> None:
    session = open_session(tiny(factor=factor), file="some.onnx")
    with pytest.raises(ScoringFailed, match="no usable score"):
        session.predict(GREY)


# --- the loader --------------------------------------------------------------------------------------


def test_file(tiny_model: Path) -> None:
    info = load_model(Settings(model_path=tiny_model)).info
    assert (info.source, info.origin, info.revision, info.notice) == ("file", "tiny.onnx", None, None)
    assert info.sha256 == hashlib.sha256(tiny_model.read_bytes()).hexdigest()


def test_file_comes_before_the_hub(tiny_model: Path) -> None:
    assert load_model(Settings(model_path=tiny_model, model_repo="a/b")).info.source == "file"


def test_file_with_the_right_and_the_wrong_sha256(tiny_model: Path) -> None:
    sha256 = hashlib.sha256(tiny_model.read_bytes()).hexdigest()
    assert load_model(Settings(model_path=tiny_model, model_sha256=sha256)).info.sha256 == sha256
    with pytest.raises(ModelRefused, match="POPSCORE_MODEL_SHA256"):
        load_model(Settings(model_path=tiny_model, model_sha256="0" * 64))


@pytest.mark.parametrize("path", ["missing.onnx", ".", "tiny.onnx/inside.onnx", "x" * 5000])
def test_file_that_is_not_there(tiny_model: Path, path: str) -> None:
    with pytest.raises(ModelUnavailable, match="POPSCORE_MODEL_PATH"):
        load_model(Settings(model_path=tiny_model.parent / path))


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(40_000_000_000)  # takes no room on the disk
    start_s = time.monotonic()
    with pytest.raises(ModelRefused, match="40000 MB is more than popscore loads"):
        load_model(Settings(model_path=path))
    assert time.monotonic() - start_s < 1


def test_embedded(embedded_model: Path) -> None:
    info = load_model(Settings()).info
    assert (info.source, info.origin, info.revision, info.notice) == ("embedded", None, None, None)
    assert info.spec.kind == "appeal" and "popular" not in info.spec.name.lower()
    assert info.sha256 == hashlib.sha256(embedded_model.read_bytes()).hexdigest()
    assert embedded_model.stat().st_size <= 8_000_000
    # The same scale as I2PA's, so that bands and percentiles mean the same.
    assert (info.spec.reference_mean, info.spec.reference_std) == (2.96, 1.55)
    assert info.spec.licence and info.spec.training_data and info.spec.accuracy and info.spec.version
    assert json.dumps(info.to_full_json(), allow_nan=False)


def test_embedded_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "EMBEDDED_FILE", "embedded/missing.onnx")
    with pytest.raises(ModelUnavailable, match="Install popscore again"):
        loader._load_embedded()


def test_threads_share_one_session(tmp_path: Path, resnet50_file: Path, cat: Path) -> None:
    """The file is large enough that threads would overtake each other without the lock."""
    path = tmp_path / "shared.onnx"
    path.symlink_to(resnet50_file)
    together = threading.Barrier(8)

    def load_and_score(_: int) -> tuple[int, float]:
        together.wait()
        scorer = popscore.load_scorer(Settings(model_path=path))
        return id(scorer._session.network), scorer.score(cat).score

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(load_and_score, range(8)))
    assert len({session for session, _ in found}) == 1
    assert len({score for _, score in found}) == 1


def test_loaded_once(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny())
    first = load_model(Settings(model_path=path))
    path.unlink()
    assert load_model(Settings(model_path=path)) is first


def test_failure_is_not_kept(tmp_path: Path) -> None:
    settings = Settings(model_path=tmp_path / "later.onnx")
    with pytest.raises(ModelUnavailable):
        load_model(settings)
    (tmp_path / "later.onnx").write_bytes(b"half a file")
    with pytest.raises(ModelRefused):
        load_model(settings)
    (tmp_path / "later.onnx").write_bytes(tiny())
    assert load_model(settings).info.source == "file"


@pytest.mark.parametrize(
    ("error", "standard"),
    [(ModelUnavailable, OSError), (ModelRefused, ValueError), (ScoringFailed, RuntimeError)],
)
def test_errors_are_also_standard_errors(error: type[Exception], standard: type[Exception]) -> None:
    assert issubclass(error, PopscoreError) and issubclass(error, standard)
