"""`popscore convert` on PyTorch files: every form of the right weights, and files that are hostile or wrong."""

import io
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from commands import ROOT

import popscore
from popscore.settings import Settings

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')

from torch_files import random_resnet50  # noqa: E402

from popscore.training.conversion import convert as conversion  # noqa: E402
from popscore.training.conversion.convert import convert  # noqa: E402
from popscore.training.conversion.records import AUTHORS, OWN  # noqa: E402
from popscore.training.conversion.resnet50 import ResNet50  # noqa: E402
from popscore.training.conversion.weights import read_weights, torch_scores  # noqa: E402
from popscore.training.errors import ConversionRefused  # noqa: E402

State = dict[str, Any]


@pytest.fixture(scope="session")
def state() -> State:
    return dict(random_resnet50().state_dict())


def saved(value: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(ConversionRefused) as found:
        read_weights(content, file="some.pth")
    message = str(found.value)
    assert message.startswith("some.pth was refused: ") and len(message) < 900 and message.isprintable()
    return message


# --- the network -------------------------------------------------------------------------------------


def test_names_and_shapes_are_torchvisions() -> None:
    """The list was written by torchvision itself; its first line says which."""
    lines = (ROOT / "tests" / "data" / "resnet50_layers.txt").read_text().splitlines()[1:]
    found = [f"{name} {'x'.join(map(str, value.shape)) or '-'}" for name, value in ResNet50().state_dict().items()]
    assert found == lines and len(lines) == 320


def test_the_stand_in_tells_photos_apart(photos: dict[str, Path]) -> None:
    from popscore.models.spec import I2PA_SPEC
    from popscore.training.photo_inputs import inputs_of

    inputs, failed = inputs_of(photos.values(), I2PA_SPEC)
    weights = read_weights(saved(random_resnet50().state_dict()), file="some.pth")
    scores = torch_scores(weights, inputs)
    assert failed == 0 and len(scores) == 4 and scores.std() > 0.1


# --- forms of the right weights ----------------------------------------------------------------------


def forms(state: State) -> dict[str, bytes]:
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    parallel = {f"module.{name}": value for name, value in state.items()}
    return {
        "new": saved(state),
        "old": saved(state, _use_new_zipfile_serialization=False),
        "module": saved(parallel),
        "module twice": saved({f"module.{name}": value for name, value in parallel.items()}),
        "state_dict": saved({"state_dict": state, "epoch": 3, "best": 0.76, "arch": "resnet50"}),
        "model": saved({"model": parallel, "optimizer": {"lr": 1e-5}}, _use_new_zipfile_serialization=False),
        "model in state_dict": saved({"state_dict": {"model": state}}),
        "double": saved({name: value.double() for name, value in state.items()}),
        "half": saved(half),
        "half, old": saved(half, _use_new_zipfile_serialization=False),
        "bfloat16": saved({name: value.bfloat16() for name, value in state.items()}),
        "parameters": saved({name: torch.nn.Parameter(value, requires_grad=False) for name, value in state.items()}),
        "without counters": saved({name: value for name, value in state.items() if "num_batches" not in name}),
        "channels last": saved(
            {n: v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for n, v in state.items()}
        ),
    }


def test_every_form_gives_the_same_weights(state: State) -> None:
    wanted = {name: value.numpy() for name, value in state.items() if "num_batches" not in name}
    for form, content in forms(state).items():
        found = read_weights(content, file="some.pth")
        assert set(found) == set(wanted), form
        tolerance = {"half": 1e-3, "half, old": 1e-3, "bfloat16": 1e-2}.get(form, 0)
        for name, value in found.items():
            assert value.dtype == np.float32
            assert np.allclose(value, wanted[name], rtol=tolerance, atol=tolerance * 1e-2), (form, name)


@pytest.mark.parametrize("form", ["new", "half, old"])
def test_convert(tmp_path: Path, state: State, photos: dict[str, Path], form: str) -> None:
    content = forms(state)[form]
    (tmp_path / "w.pth").write_bytes(content)
    done = convert(tmp_path / "w.pth", tmp_path / "model.onnx")
    assert done.compared_with == "torch" and done.photos == 4 and done.difference <= 1e-4 and done.remarks == []
    assert done.weights == OWN
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    shapes = {
        item.name: [dim.dim_param or dim.dim_value for dim in item.type.tensor_type.shape.dim]
        for item in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {
        "input": ["N", 3, 224, 224],
        "output": ["N"],
        "features": ["N", 2048, 7, 7],
        "activation_map": ["N", 7, 7],
    }
    session = popscore.load_scorer(Settings(model_path=tmp_path / "model.onnx"))._session.network
    batch = np.random.default_rng(0).random((3, 3, 224, 224), dtype=np.float32)
    score, features, activation = session.run({"input": batch}).values()
    net = random_resnet50()
    if "half" in form:
        net.load_state_dict({n: v.half().float() if v.is_floating_point() else v for n, v in net.state_dict().items()})
    with torch.inference_mode():
        assert np.allclose(net(torch.from_numpy(batch))[:, 0], score, atol=1e-4)
        assert np.allclose(net.features(torch.from_numpy(batch)), features, atol=1e-2)
    assert activation.mean(axis=(1, 2)) == pytest.approx(score, abs=1e-5)
    by_hand = np.einsum("c,nchw->nhw", state["fc.weight"].numpy()[0], features) + float(state["fc.bias"])
    assert np.allclose(by_hand, activation, atol=1e-2)


def test_the_authors_weights_are_known_by_their_hash(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = saved(state)
    (tmp_path / "w.pth").write_bytes(content)
    import hashlib

    monkeypatch.setattr(conversion, "AUTHORS_SHA256", hashlib.sha256(content).hexdigest())
    with pytest.raises(ConversionRefused, match="Leave out --name"):
        convert(tmp_path / "w.pth", tmp_path / "model.onnx", words=conversion.Words(name="Mine"))
    assert convert(tmp_path / "w.pth", tmp_path / "model.onnx").weights == AUTHORS
    spec = popscore.load_scorer(Settings(model_path=tmp_path / "model.onnx")).model.spec
    assert (spec.name, spec.licence) == ("I2PA ResNet-50", "MIT")
    assert spec.accuracy == {"pairwise accuracy in the paper": 0.7665}
    assert (spec.reference_mean, spec.reference_std, spec.win_scale) == (2.96, 1.55, 1.0)


# --- files that would run code -----------------------------------------------------------------------


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize("forced", [False, True])
def test_nothing_runs_from_a_hostile_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State, old_format: bool, forced: bool
) -> None:
    if forced:  # an environment variable with which torch.load runs code by default
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    trap = Trap(f"touch {tmp_path}/ran")
    small = {"fc.weight": state["fc.weight"], "fc.bias": trap}
    contents = {"a pickle": pickle.dumps(trap), "a pickle of protocol 4": pickle.dumps(trap, protocol=4)}
    contents["weights with a trap"] = saved(small, _use_new_zipfile_serialization=not old_format)
    for form, content in contents.items():
        assert "Nothing was run" in refusal(content), form
        assert not (tmp_path / "ran").exists(), form
    pickle.loads(pickle.dumps(trap))  # noqa: S301 - the trap does work
    assert (tmp_path / "ran").exists()


def test_a_whole_pickled_model_is_refused() -> None:
    message = refusal(saved(torch.nn.Linear(2, 1)))
    assert "torch.nn.modules.linear.Linear" in message and "state_dict()" in message


# --- damaged files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("old_format", [False, True])
def test_truncated_anywhere(state: State, old_format: bool) -> None:
    content = saved(state, _use_new_zipfile_serialization=not old_format)
    for share in (0.00001, 0.001, 0.5, 0.99, 0.999999):
        assert "damaged or not complete" in refusal(content[: int(len(content) * share)]), share


@pytest.mark.parametrize("old_format", [False, True])
def test_bytes_turned_over_are_an_error_and_no_crash(old_format: bool) -> None:
    content = saved({"fc.weight": torch.ones(1, 8), "x": [1, 2]}, _use_new_zipfile_serialization=not old_format)
    chance = random.Random(1)  # noqa: S311
    for _ in range(200):
        broken = bytearray(content)
        for _ in range(3):
            broken[chance.randrange(2, len(broken))] = chance.randrange(256)
        refusal(bytes(broken))


def test_an_archive_that_unpacks_to_too_much() -> None:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("archive/data/0", "w", force_zip64=True) as member,
    ):
        for _ in range(1100):
            member.write(bytes(1_000_000))
    assert len(file.getvalue()) < 3_000_000
    assert "unpacks to 1100 MB" in refusal(file.getvalue())


def test_an_archive_that_lies_about_its_size() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/data/0", bytes(1_000_000))
    content = file.getvalue()
    refusal(content.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 10)))


def test_a_torchscript_program_and_other_archives() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/code/net.py", "import os")
        archive.writestr("model/constants.pkl", b"")
    assert "TorchScript program" in refusal(file.getvalue())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert "damaged" in refusal(file.getvalue())


# --- other networks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (
            {"fc.weight": (1000, 2048), "fc.bias": (1000,)},
            ("of another shape (2)", "fc.weight is 1000 x 2048, not 1 x 2048"),
        ),
        ({"fc.weight": None}, ("missing (1): fc.weight",)),
        ({"extra.weight": (3,)}, ("unknown (1): extra.weight",)),
        ({"conv1.weight": (64, 1, 7, 7)}, ("conv1.weight is 64 x 1 x 7 x 7, not 64 x 3 x 7 x 7",)),
        ({f"x{'y' * 500}\x1b[2J": (1,)}, ("unknown (1): x", "…")),
    ],
)
def test_another_network_and_which_layers_differ(
    state: State, change: dict[str, tuple[int, ...] | None], reasons: tuple[str, ...]
) -> None:
    other = {**state, **{name: torch.zeros(shape) for name, shape in change.items() if shape is not None}}
    other = {name: value for name, value in other.items() if name not in change or change[name] is not None}
    message = refusal(saved(other))
    assert all(reason in message for reason in reasons), message


def test_a_small_network_is_told_shortly() -> None:
    net = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(50)))
    message = refusal(saved(net.state_dict()))
    assert "missing (267)" in message and "unknown (100): 0.weight, 0.bias, 1.weight, …" in message


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 2, 3], "no weights by name (it is a list)"),
        (torch.ones(3), "no weights by name (it is a Tensor)"),
        ({}, "no weights by name"),
        ({"state_dict": 3}, "unknown (1): state_dict"),
    ],
)
def test_other_things_that_torch_saves(value: object, reason: str) -> None:
    assert reason in refusal(saved(value))


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        ("fc.bias", lambda value: value * float("nan"), "fc.bias holds values that are no weights"),
        ("conv1.weight", lambda value: value * float("inf"), "conv1.weight holds values"),
        ("bn1.running_var", lambda value: -value, "bn1.running_var holds values"),
        ("fc.bias", lambda value: value.long(), "fc.bias holds torch.int64"),
        ("fc.bias", lambda value: value.to(torch.complex64), "fc.bias holds torch.complex64"),
        ("conv1.weight", lambda value: value.to_sparse(), "conv1.weight holds"),
    ],
)
def test_values_that_are_no_weights(state: State, name: str, spoil: Any, reason: str) -> None:
    assert reason in refusal(saved({**state, name: spoil(state[name])}))


def test_a_tensor_that_would_fill_the_memory_is_refused_by_its_shape(state: State) -> None:
    huge = torch.ones(1).expand(10**12)  # one number on the disk
    assert "fc.bias is 1000000000000, not 1" in refusal(saved({**state, "fc.bias": huge}))


def test_numbers_too_large_for_32_bits_are_not_converted(tmp_path: Path, state: State) -> None:
    (tmp_path / "w.pth").write_bytes(saved({**state, "fc.weight": state["fc.weight"] * 1e5}))
    with pytest.raises(ConversionRefused, match="ONNX and torch differ by"):
        convert(tmp_path / "w.pth", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
