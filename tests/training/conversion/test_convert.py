"""`popscore convert` on bare ONNX files: metadata, maps and a free batch are added, and scores stay equal. No torch."""

import importlib.util
import itertools
import os
from pathlib import Path

import numpy as np
import onnx
import onnx_files
import pytest
from commands import Finished, Run
from onnx import helper
from onnx_files import METADATA, tiny
from pooled_networks import small_network

import popscore
from popscore.models.metadata import as_metadata, spec_from_metadata
from popscore.models.session import open_session
from popscore.models.spec import ModelSpec
from popscore.settings import Settings
from popscore.training.conversion import records
from popscore.training.conversion.convert import Conversion, convert
from popscore.training.errors import ConversionRefused


def convert_command(run: Run, *arguments: str | Path, **variables: str | Path) -> Finished:
    return run("convert", *arguments, timeout_s=240, **variables)


def converted(tmp_path: Path, content: bytes, **options: object) -> tuple[Conversion, Path]:
    (tmp_path / "bare.onnx").write_bytes(content)
    return convert(tmp_path / "bare.onnx", tmp_path / "model.onnx", **options), tmp_path / "model.onnx"  # type: ignore[arg-type]


def assert_same_scores(before: Path, after: Path, photos: dict[str, Path]) -> None:
    old, new = (popscore.load_scorer(Settings(model_path=path)) for path in (before, after))
    scores = [old.score(photo).score for photo in photos.values()]
    assert [new.score(photo).score for photo in photos.values()] == pytest.approx(scores, abs=1e-5)
    assert np.std(scores) > 1e-3  # the photos do differ


def assert_maps_and_free_batch(path: Path, *, channels: int) -> None:
    session = open_session(path.read_bytes(), file="model.onnx").network
    outputs = {item.name: item.shape for item in session.outputs}
    assert list(outputs) == ["output", "features", "activation_map"]
    assert outputs == {"output": (None, 1), "features": (None, channels, 7, 7), "activation_map": (None, 7, 7)}
    batch = np.random.default_rng(0).random((3, 3, 224, 224), dtype=np.float32)
    score, features, activation = session.run({"input": batch}).values()
    assert features.shape == (3, channels, 7, 7)
    # The map explains the score exactly.
    assert activation.mean(axis=(1, 2)) == pytest.approx(score[:, 0], abs=1e-4)
    alone = [session.run({"input": batch[place : place + 1]}, ["output"])["output"][0, 0] for place in range(3)]
    assert alone == pytest.approx(score[:, 0].tolist(), abs=1e-4)


# --- maps --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_popscore_file(tmp_path: Path, resnet50_file: Path, photos: dict[str, Path]) -> None:
    done = convert(resnet50_file, tmp_path / "model.onnx")
    assert (done.difference <= 1e-5, done.remarks, done.weights) == (True, [], "weights of your own")
    assert_same_scores(resnet50_file, tmp_path / "model.onnx", photos)
    assert_maps_and_free_batch(tmp_path / "model.onnx", channels=2048)
    info = popscore.load_scorer(Settings(model_path=tmp_path / "model.onnx")).model
    assert info.spec.kind == "popularity" and info.spec.accuracy == {} and info.spec.licence is None
    assert info.sha256 == done.sha256


@pytest.mark.parametrize(
    ("end", "pool"),
    [
        *itertools.product(["Gemm", "Gemm transposed", "MatMul+Add"], ["GlobalAveragePool", "ReduceMean"]),
        *itertools.product(["Gemm", "Conv"], ["ReduceMean kept"]),
        ("Conv", "GlobalAveragePool"),
    ],
)
def test_ends_that_exporters_write(tmp_path: Path, photos: dict[str, Path], end: str, pool: str) -> None:
    done, path = converted(tmp_path, small_network(end=end, pool=pool))
    assert done.remarks == []
    assert_same_scores(tmp_path / "bare.onnx", path, photos)
    assert_maps_and_free_batch(path, channels=8)


def test_axes_as_an_input(tmp_path: Path, photos: dict[str, Path]) -> None:
    done, path = converted(tmp_path, small_network(pool="ReduceMean input", opset=18))
    assert done.remarks == []
    assert_maps_and_free_batch(path, channels=8)


def test_weights_as_nodes_and_as_inputs(tmp_path: Path, photos: dict[str, Path]) -> None:
    """Some exporters write weights as Constant nodes; files of 2018 list them among the inputs."""
    nodes = onnx.ModelProto.FromString(small_network(opset=13))
    constants = [helper.make_node("Constant", [], [item.name], value=item) for item in nodes.graph.initializer]
    operators = list(nodes.graph.node)
    del nodes.graph.initializer[:], nodes.graph.node[:]
    nodes.graph.node.extend([*constants, *operators])
    inputs = onnx.ModelProto.FromString(small_network(opset=9))
    inputs.ir_version = 3
    inputs.graph.input.extend(
        helper.make_tensor_value_info(item.name, item.data_type, item.dims) for item in inputs.graph.initializer
    )
    for model in (nodes, inputs):
        done, path = converted(tmp_path, model.SerializeToString())
        assert done.remarks == []
        onnx.checker.check_model(onnx.load(path), full_check=True)
        assert_same_scores(tmp_path / "bare.onnx", path, photos)
        assert_maps_and_free_batch(path, channels=8)


@pytest.mark.parametrize("names", [("features", "flat"), ("activation_map", "features"), ("pooled", "activation_map")])
def test_names_that_are_taken(tmp_path: Path, photos: dict[str, Path], names: tuple[str, str]) -> None:
    done, path = converted(tmp_path, small_network(names=names))
    assert done.remarks == []
    assert_same_scores(tmp_path / "bare.onnx", path, photos)
    assert_maps_and_free_batch(path, channels=8)


def test_a_graph_for_one_photo_keeps_its_batch(tmp_path: Path, photos: dict[str, Path]) -> None:
    done, path = converted(tmp_path, small_network(fixed_reshape=True))
    assert "The batch stays as it is" in done.remarks[0]
    assert_same_scores(tmp_path / "bare.onnx", path, photos)
    assert "activation_map" in {item.name for item in open_session(path.read_bytes(), file="").network.outputs}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (small_network(end="Sigmoid"), "linear layer (but from Sigmoid)"),
        (small_network(pool="MaxPool"), "(but GlobalMaxPool)"),
        (tiny(), "linear layer (but from Mul)"),
    ],
)
def test_other_ends_get_metadata_alone(tmp_path: Path, photos: dict[str, Path], content: bytes, reason: str) -> None:
    done, path = converted(tmp_path, content)
    assert len(done.remarks) == 1 and reason in done.remarks[0] and "No maps" in done.remarks[0]
    assert done.difference == 0
    session = open_session(path.read_bytes(), file="model.onnx")
    assert [item.name for item in session.network.outputs] == ["output"]
    assert session.spec.name == records.OWN_SPEC.name


def test_converting_twice_changes_nothing(tmp_path: Path) -> None:
    first, path = converted(tmp_path, small_network(), words=records.Words(name="Mine", licence="MIT"))
    second = convert(path, tmp_path / "again.onnx")
    assert (second.sha256, second.remarks, second.difference) == (first.sha256, [], 0)


def test_the_same_file_every_time(tmp_path: Path) -> None:
    done = [converted(tmp_path, small_network())[0].sha256 for _ in range(2)]
    assert done[0] == done[1]


# --- metadata ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [records.AUTHORS_SPEC, records.OWN_SPEC])
def test_metadata_are_read_back_as_they_were_written(spec: ModelSpec) -> None:
    values = records.values_of(spec, weights=records.OWN, source_sha256="0" * 64)
    assert spec_from_metadata(as_metadata(values), file="x") == spec


def test_only_the_authors_weights_claim_the_papers_figure() -> None:
    assert records.AUTHORS_SPEC.accuracy == {"pairwise accuracy in the paper": 0.7665}
    assert (records.AUTHORS_SPEC.licence, records.OWN_SPEC.licence) == ("MIT", None)
    assert records.OWN_SPEC.accuracy == {} and "I2PA test set" not in records.OWN_SPEC.reference_population
    for spec in (records.AUTHORS_SPEC, records.OWN_SPEC):
        assert (spec.kind, spec.input_size, spec.resize) == ("popularity", (224, 224), "squash")
        assert (spec.mean, spec.std, spec.win_scale) == ((0, 0, 0), (1, 1, 1), 1)


def test_what_a_person_says_about_weights_of_their_own(tmp_path: Path) -> None:
    words = records.Words(name="Cats", licence="CC0-1.0", training_data="cats")
    _, path = converted(tmp_path, small_network(), words=words)
    spec = open_session(path.read_bytes(), file="").spec
    assert (spec.name, spec.licence, spec.training_data) == ("Cats", "CC0-1.0", "cats")


def test_metadata_of_a_file_that_has_some_are_kept(tmp_path: Path) -> None:
    content = tiny(size=(32, 48), metadata={**METADATA, "author": "someone"})
    _, path = converted(tmp_path, content)
    kept = {item.key: item.value for item in onnx.load(path).metadata_props}
    assert kept == {**METADATA, "author": "someone"}
    with pytest.raises(ConversionRefused, match="says itself what it is"):
        converted(tmp_path, content, words=records.Words(name="Other"))


# --- refusals, and the command -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"<html>404</html>", "neither a PyTorch file of weights nor an ONNX file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "only a pointer"),
        (b"cos\nsystem\n(S'touch ran'\ntR.", "neither a PyTorch file"),
        (small_network()[:-30], "neither a PyTorch file"),
        (tiny(extra_input=True), "it has 2 inputs (input, caption)"),
        (tiny(output_shape=(1, 1000)), "its output is"),
        (onnx_files.with_external_weights("weights.bin"), "its weights lie in another file"),
    ],
)
def test_files_that_cannot_be_converted(run: Run, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "some.onnx").write_bytes(content)
    found = convert_command(run, tmp_path / "some.onnx", "--out", tmp_path / "model.onnx")
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith("popscore: some.onnx was refused: ") and found.err.count("\n") == 1
    assert reason in found.err
    assert [path.name for path in tmp_path.glob("*.onnx")] == ["some.onnx"]


@pytest.mark.parametrize(
    ("source", "out", "reason"),
    [
        ("missing.pth", "model.onnx", "There is no file missing.pth"),
        (".", "model.onnx", "it is a folder"),
        ("bare.onnx", "model.pth", "must end in .onnx"),
        ("bare.onnx", "none/model.onnx", "there is no folder"),
        ("bare.onnx", "bare.onnx", "it is the file to convert"),
        ("bare.onnx", "folder.onnx", "it is a folder"),
        ("bare.onnx\0", "model.onnx", "bare.onnx"),
        ("bare.onnx", "/proc/model.onnx", r"model\.onnx was not written"),
    ],
)
def test_paths_that_cannot_be_used(tmp_path: Path, source: str, out: str, reason: str) -> None:
    (tmp_path / "bare.onnx").write_bytes(small_network())
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(popscore.PopscoreError, match=reason):
        convert(tmp_path / source, tmp_path / out)
    assert (tmp_path / "bare.onnx").read_bytes() == small_network()
    assert {path.name for path in tmp_path.iterdir()} == {"bare.onnx", "folder.onnx"}


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.pth").open("wb") as file:
        file.truncate(40_000_000_000)  # takes no room on the disk
    with pytest.raises(ConversionRefused, match="40000 MB is more than popscore converts"):
        convert(tmp_path / "huge.pth", tmp_path / "model.onnx")


def test_no_write_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bare.onnx").write_bytes(small_network())
    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(popscore.PopscoreError, match="no permission to write"):
        convert(tmp_path / "bare.onnx", tmp_path / "model.onnx")


def test_a_full_disk_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bare.onnx").write_bytes(small_network())
    (tmp_path / "model.onnx").write_bytes(b"older")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(popscore.PopscoreError, match="No space left on device"):
        convert(tmp_path / "bare.onnx", tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == b"older"
    assert {path.name for path in tmp_path.iterdir()} == {"bare.onnx", "model.onnx"}


def test_the_command_as_text_and_json(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bare.onnx").write_bytes(small_network())
    out = tmp_path / "model.onnx"
    found = convert_command(run, tmp_path / "bare.onnx", "--out", out, "--name", "Mine")
    assert (found.status, found.err) == (0, "")
    assert "4 photos with the file as it was" in found.out and "weights of your own" in found.out
    found = convert_command(run, tmp_path / "bare.onnx", "--out", out, "--json")
    assert found.json["compared"]["photos"] == 4 and found.json["int8"] is None
    assert found.json["sha256"] == popscore.load_scorer(Settings(model_path=out)).model.sha256


def test_without_onnx_the_message_says_how_to_get_it(run: Run, tmp_path: Path) -> None:
    hidden = (
        "import importlib.util as u\nfind = u.find_spec\nu.find_spec = lambda n: None if n == 'onnx' else find(n)\n"
    )
    found = run(
        "convert",
        "w.pth",
        "--out",
        "model.onnx",
        code=f"{hidden}import sys\nfrom popscore.cli.entry import main\nsys.exit(main())",
    )
    assert found.status == 2 and "onnx, which is not installed" in found.err
    assert 'pip install "popscore[train]"' in found.err


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_the_message_says_how_to_get_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"PK\x03\x04 and so on")
    found = convert_command(run, tmp_path / "w.pth", "--out", tmp_path / "model.onnx")
    assert found.status == 2 and "torch, which is not installed" in found.err and "popscore[train]" in found.err


def test_scoring_and_publishing_import_neither_torch_nor_onnx(run: Run, described_model: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nimport popscore\n"
        "from popscore.training.conversion.publish import prepare\n"
        f"prepare(Path({str(described_model)!r}), 'a/b')\nprint(sorted({{'torch', 'onnx'}} & set(sys.modules)))"
    )
    assert run(code=code).out == "[]\n"
