"""Text in a model that is not UTF-8: the model is used all the same, and every output of popscore is UTF-8."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from commands import Run
from hostile_models import endless
from onnx import TensorProto, helper
from onnx_files import METADATA, tiny

from popscore.models.legible import legible
from popscore.models.session import open_session

BAD = b"\xff\xfe\xc3(caf\xe9\xed\xa0\x80"
MARK = "X" * len(BAD)
READABLE = "???(caf????"


def spoiled(model: onnx.ModelProto) -> bytes:
    content = model.SerializeToString()
    assert MARK.encode() in content
    return bytes(content.replace(MARK.encode(), BAD))


def base(**metadata: str) -> onnx.ModelProto:
    values = {**METADATA, "popscore.input_size": "[224, 224]", **{f"popscore.{k}": v for k, v in metadata.items()}}
    return onnx.ModelProto.FromString(tiny(metadata=values))


def renamed(old: str) -> onnx.ModelProto:
    model = base()
    for node in model.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = MARK if name == old else name
    for item in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        item.name = MARK if item.name == old else item.name
    return model


def models() -> dict[str, bytes]:
    found = {"a value": base(name=MARK), "a text": base(license=MARK), "a figure": base(accuracy=f'{{"{MARK}": 1.0}}')}
    found |= {f"the name {name}": renamed(name) for name in ("input", "output", "factor", "mean")}
    for key in ("producer_name", "producer_version", "domain", "doc_string"):
        found[key] = base()
        setattr(found[key], key, MARK)
    for what, edit in {
        "a key": lambda model: model.metadata_props.add(key=MARK, value="x"),
        "the graph": lambda model: setattr(model.graph, "name", MARK),
        "a node": lambda model: setattr(model.graph.node[0], "name", MARK),
        "a free length": lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[0], "dim_param", MARK),
        "a value inside": lambda model: model.graph.value_info.append(
            helper.make_tensor_value_info(MARK, TensorProto.FLOAT, [1])
        ),
    }.items():
        found[what] = base()
        edit(found[what])
    return {what: spoiled(model) for what, model in found.items()}


@pytest.mark.parametrize("what", models())
def test_the_model_is_used_and_json_is_json(run: Run, tmp_path: Path, cat: Path, what: str) -> None:
    (tmp_path / "x.onnx").write_bytes(models()[what])
    told = run("model", "--json", POPSCORE_MODEL_PATH=tmp_path / "x.onnx")
    assert (told.status, told.err) == (0, "")
    json.dumps(told.json, ensure_ascii=False).encode()
    values = {"a value": "name", "a text": "licence"}
    assert what not in values or told.json[values[what]] == READABLE
    assert what != "a figure" or told.json["accuracy"] == {READABLE: 1.0}
    rows = run("model", POPSCORE_MODEL_PATH=tmp_path / "x.onnx")
    assert rows.status == 0 and (what not in {*values, "a figure"} or READABLE in rows.out)
    scored = run("score", "--json", cat, POPSCORE_MODEL_PATH=tmp_path / "x.onnx")
    assert scored.status == 0 and len(scored.json["results"]) == 1
    json.dumps(scored.json, ensure_ascii=False).encode()


def test_the_score_is_the_same() -> None:
    photo = np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32)
    scores = {open_session(content, file="x.onnx").predict(photo).score for content in models().values()}
    assert scores == {open_session(base().SerializeToString(), file="x.onnx").predict(photo).score}


def test_halves_of_letters_in_json(run: Run, tmp_path: Path) -> None:
    r"""JSON can say \ud800, which is no letter."""
    (tmp_path / "x.onnx").write_bytes(base(accuracy='{"a\\ud800b": 1.0}').SerializeToString())
    found = run("model", "--json", POPSCORE_MODEL_PATH=tmp_path / "x.onnx")
    assert found.json["accuracy"] == {"a?b": 1.0}
    assert "a?b" in run("model", POPSCORE_MODEL_PATH=tmp_path / "x.onnx").out


def test_an_operator_that_nobody_knows_is_named(run: Run, tmp_path: Path) -> None:
    model = base()
    model.graph.node[0].op_type = MARK
    (tmp_path / "x.onnx").write_bytes(spoiled(model))
    found = run("model", "--json", POPSCORE_MODEL_PATH=tmp_path / "x.onnx")
    assert (found.status, found.out) == (2, "")
    assert "x.onnx was refused" in found.err and READABLE in found.err and "codec" not in found.err


def test_convert_writes_what_can_be_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(models()["a value"])
    done = run("convert", "--json", tmp_path / "x.onnx", "--out", tmp_path / "y.onnx")
    assert done.status == 0 and done.json["file"].endswith("y.onnx")
    assert onnx.load(tmp_path / "y.onnx").metadata_props[0].value
    assert run("model", "--json", POPSCORE_MODEL_PATH=tmp_path / "y.onnx").json["name"] == READABLE


@pytest.mark.parametrize("content", [tiny(), endless(), b"", b"no model", tiny()[:-20], b"\x3a\xff\xff\xff\xff\x0f"])
def test_everything_else_stays_as_it_is(content: bytes) -> None:
    assert legible(content) == content
