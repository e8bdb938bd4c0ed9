"""A model from outside gets so much time and memory, and no more: it ends with an error, and the rest goes on."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import Run
from hostile_models import endless, expanded, long_product, one_long_step
from onnx_files import resnet50, tiny

from popscore.errors import ModelRefused, ScoringFailed
from popscore.models import folding, memory, network, patience
from popscore.models.legible import legible
from popscore.models.network import Network
from popscore.models.patience import TooLong, within
from popscore.models.session import open_session
from popscore.training.conversion.convert import convert
from popscore.training.errors import ConversionRefused


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """What was given up takes some seconds more; Python ends badly if it comes back then."""
    yield
    while patience.left_behind():
        time.sleep(0.05)


GREY = {"input": np.full((1, 3, 224, 224), 0.5, np.float32)}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the package, with 1 second instead of 60."""
    monkeypatch.setattr(network, "LIMIT_S", 1.0)
    monkeypatch.setattr(network, "_NEXT_LIMIT_S", 0.2)


def run_failure(content: bytes) -> tuple[str, float]:
    """What is said of a run, and how long it took."""
    opened = Network(content, file="x.onnx")
    start_s = time.monotonic()
    with pytest.raises(ScoringFailed) as found:
        opened.run(GREY)
    return str(found.value), time.monotonic() - start_s


# --- time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [False, True])
def test_a_network_without_an_end_is_stopped(impatient: None, constant: bool) -> None:
    message, took_s = run_failure(endless(constant=constant))
    assert message == "the model took more than 1 seconds" and took_s < 2.5


def test_the_thread_of_what_was_stopped_works_again(impatient: None) -> None:
    run_failure(endless())
    before = threading.active_count()
    run_failure(endless())
    assert threading.active_count() <= before


def test_one_long_operator_does_not_hold_up_the_caller(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_GRACE_S", 0.2)
    message, took_s = run_failure(one_long_step(6 * 10**7))
    assert message == "the model took more than 1 seconds" and took_s < 4


def test_after_one_run_without_an_end_the_next_is_given_less(impatient: None) -> None:
    opened = Network(endless(), file="x.onnx")
    for words in ("more than 1 seconds", "more than 0.2 seconds", "more than 0.2 seconds"):
        with pytest.raises(ScoringFailed, match=words):
            opened.run(GREY)


def test_the_probe_is_stopped(impatient: None) -> None:
    """A model that does not declare the shape of its answer is run once when it is opened."""
    start_s = time.monotonic()
    with pytest.raises(ModelRefused, match=r"^x\.onnx was refused: .* the model took more than 1 seconds\.$"):
        open_session(endless(scalar=True), file="x.onnx")
    assert time.monotonic() - start_s < 3


def test_loading_is_given_up(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_GRACE_S", 0.2)
    start_s = time.monotonic()
    with pytest.raises(ModelRefused, match=r"^x\.onnx was refused: loading it took more than 1 seconds\."):
        Network(long_product(400, 800), file="x.onnx")
    assert time.monotonic() - start_s < 2.5


def test_the_command_line_says_so_and_ends(run: Run, tmp_path: Path, cat: Path) -> None:
    """Python ends although a run is left behind."""
    (tmp_path / "x.onnx").write_bytes(one_long_step(10**9))
    code = (
        "import sys; from popscore.models import network, patience; network.LIMIT_S = 1.0; patience._GRACE_S = 0.1\n"
        "from popscore.cli.entry import main; sys.exit(main())"
    )
    start_s = time.monotonic()
    found = run("score", "--json", cat, code=code, POPSCORE_MODEL_PATH=tmp_path / "x.onnx")
    assert time.monotonic() - start_s < 10
    assert found.status == 2 and found.json["results"] == []
    assert "the model took more than 1 seconds" in found.json["errors"][0]["message"]
    assert "the model took more than 1 seconds" in found.err


@pytest.mark.parametrize("scalar", [False, True])
def test_convert_is_stopped_too(impatient: None, tmp_path: Path, scalar: bool) -> None:
    (tmp_path / "x.onnx").write_bytes(endless(scalar=scalar))
    with pytest.raises((ConversionRefused, ModelRefused), match=r"^x\.onnx was refused: .* took more than 1 seconds"):
        convert(tmp_path / "x.onnx", tmp_path / "y.onnx")
    assert not (tmp_path / "y.onnx").exists()


# --- memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["Expand", "Tile"])
@pytest.mark.parametrize("constant", [False, True])
def test_a_network_that_wants_100_gb(operator: str, constant: bool) -> None:
    message, took_s = run_failure(expanded(25 * 10**9, operator=operator, constant=constant))
    assert message and "\n" not in message and took_s < 5


def test_convert_of_a_network_that_wants_100_gb(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(expanded(25 * 10**9))
    with pytest.raises(ConversionRefused, match=r"^x\.onnx was refused: it gives the example photos no scores"):
        convert(tmp_path / "x.onnx", tmp_path / "y.onnx")


def test_half_of_the_memory_is_the_most() -> None:
    """Below what the system would lend, so that it is never put to the test."""
    message, took_s = run_failure(expanded(memory.usable_bytes() // 4 * 6 // 10))
    assert message and took_s < 5


def test_constants_that_are_computed_on_loading_are_bounded() -> None:
    """Each result would have 400 MB; they are computed in the run, and go when it is over."""
    content = expanded(10**8, constant=True, layers=50)
    assert folding.max_result_bytes(content) * 50 < 10**9
    before = resident_bytes()
    Network(content, file="x.onnx")
    assert resident_bytes() - before < 3 * 10**8


def resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_weights_in_16_bits_are_made_into_32_bits_on_loading(embedded_model: Path) -> None:
    """That makes the embedded model twice as fast; its largest weight has 2 MB."""
    assert folding.max_result_bytes(embedded_model.read_bytes()) > 10 * 10**6


def test_the_bound_of_results_by_the_file(resnet50_weights: dict[str, np.ndarray]) -> None:
    assert folding.max_result_bytes(resnet50(resnet50_weights)) > 10**8
    assert folding.max_result_bytes(tiny()) < 2 * 10**6
    assert folding.max_result_bytes(b"no model") >= 1
    assert folding.max_result_bytes(tiny()[:-20]) >= 1
    assert folding.max_result_bytes(b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") >= 1


def test_a_file_of_many_fields_is_soon_looked_through() -> None:
    content = b"\x3a\x80\x80\xc0\x02" + b"\x0a\x00" * (0x500000 // 2)  # a graph of 2.6 million empty nodes
    start_s = time.process_time()
    assert folding.max_result_bytes(content) == 1 and legible(content) == content
    assert time.process_time() - start_s < 5


# --- patience ----------------------------------------------------------------------------------------


def test_answers_and_errors_come_back() -> None:
    assert within(5, lambda: "answer", stop=lambda: None) == "answer"
    with pytest.raises(KeyError, match="x"):
        within(5, lambda: {}["x"], stop=lambda: None)


def test_work_that_does_not_stop_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_GRACE_S", 0.1)
    stopped: list[bool] = []
    start_s = time.monotonic()
    with pytest.raises(TooLong):
        within(0.1, lambda: time.sleep(1), stop=lambda: stopped.append(True))
    assert stopped == [True] and time.monotonic() - start_s < 0.6
    assert within(5, lambda: 1, stop=lambda: None) == 1
