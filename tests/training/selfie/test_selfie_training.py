"""Training a selfie model on a drawn set: what comes out, that it can be stopped anywhere, that it finds the truth."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, Run
from PIL import Image
from selfie_dataset import draw_set

from popscore import ModelRefused, Settings, score_selfie
from popscore.models.metadata import own_values
from popscore.models.network import Network
from popscore.people.selfie import SelfieScorer

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')

from popscore.training.checkpoint import CHECKPOINT  # noqa: E402
from popscore.training.run_folder import RunRefused  # noqa: E402
from popscore.training.selfie import train  # noqa: E402
from popscore.training.selfie.dataset import DatasetRefused  # noqa: E402
from popscore.training.selfie.learning import Epoch  # noqa: E402
from popscore.training.selfie.recipe import Recipe  # noqa: E402
from popscore.training.selfie.train import SelfieRun, Words, train_selfie  # noqa: E402

TINY = Recipe(side=32, batch=16)  # the smallest that five halvings leave something of


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads of two test workers would wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 selfies and 8 copies."""
    return draw_set(tmp_path_factory.mktemp("selfies"), 80, seed=5)


def trained(dataset: Path, out: Path, recipe: Recipe = TINY, epochs: int = 2, **more: object) -> SelfieRun:
    return train_selfie(dataset, images=dataset.parent / "images", out=out, recipe=recipe, epochs=epochs, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def done(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> SelfieRun:
    torch.set_num_threads(1)
    return trained(drawn, tmp_path_factory.mktemp("runs") / "whole", epochs=3)


# --- what comes out ---------------------------------------------------------------------------------


def test_the_model_says_what_it_is(done: SelfieRun) -> None:
    spec = Network(done.model.read_bytes(), file="model.onnx")
    values = own_values(spec.metadata)
    assert (values["kind"], values["input_size"], values["resize"]) == ("selfie", "[32, 32]", "short_side_crop")
    assert "view" not in values
    accuracy = json.loads(values["accuracy"])
    assert accuracy["accuracy"] == pytest.approx(done.whole.accuracy, abs=1e-4)
    assert {"accuracy women", "accuracy men", "popular women", "called popular men"} <= set(accuracy)
    assert "biased" in values["description"]


def test_popscore_takes_it(done: SelfieRun, photos: dict[str, Path], drawn: Path) -> None:
    settings = Settings(selfie_path=done.model)
    found = score_selfie(photos["astronaut"], settings=settings)
    assert found.probability_from == "selfie_model"
    assert found.model.sha256 == done.sha256
    # The number is that of torch; `write_model` compared them for pictures of the set.
    scorer = SelfieScorer(settings)
    scores = [scorer.score(path).score for path in sorted((drawn.parent / "images").iterdir())[:3]]
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 3


def test_the_report(done: SelfieRun) -> None:
    report = json.loads((done.model.parent / "report.json").read_text())
    assert report["selfies"] == {"used": 88, "missing": 0, "unreadable": 0, "no face": 0}
    assert sum(report["parts"].values()) == 88
    assert report["families"]["count"] <= 80  # a copy founds none
    assert (report["epochs"], len(report["history"])) == (3, 3)
    test = report["test"]
    assert test["interval"][0] <= test["accuracy"] <= test["interval"][1]
    assert report["by_group"]["women"]["count"] + report["by_group"]["men"]["count"] == test["count"]
    with Image.open(done.model.parent / "curves.png") as curves:
        assert curves.size == (900, 420)
        assert len(curves.convert("RGB").getcolors(100_000) or []) > 10


def test_a_run_that_is_done_gives_the_same_again_at_once(done: SelfieRun, drawn: Path) -> None:
    epochs: list[int] = []
    again = trained(drawn, done.model.parent, epochs=3, told_epoch=lambda epoch, _: epochs.append(epoch))
    assert (again, epochs) == (done, [])


# --- stopped anywhere -------------------------------------------------------------------------------


class Stopped(BaseException):
    """What Ctrl-C does."""


@pytest.mark.parametrize("moment", ["pictures", "epoch 1", "epoch 2", "while it writes a checkpoint", "model"])
def test_a_run_that_was_stopped_ends_as_if_it_had_not(
    done: SelfieRun, drawn: Path, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise Stopped

    def after(epoch: int, _: Epoch) -> None:
        if moment == f"epoch {epoch + 1}":
            raise Stopped

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        if moment == "while it writes a checkpoint":
            patch.setattr(torch, "save", stop)
        if moment == "model":
            patch.setattr(train, "_write", stop)
        with pytest.raises(Stopped):
            trained(drawn, run, epochs=3, told_epoch=after, told_pictures=stop if moment == "pictures" else None)
    assert trained(drawn, run, epochs=3).sha256 == done.sha256
    assert not list(run.glob(".popscore-*"))


@pytest.mark.slow
def test_killed_at_any_moment(done: SelfieRun, drawn: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import torch; torch.set_num_threads(1)\n"
        "from popscore.training.selfie.recipe import Recipe; from popscore.training.selfie.train import train_selfie\n"
        "data, out = map(Path, sys.argv[1:])\n"
        "train_selfie(data, images=data.parent / 'images', out=out, recipe=Recipe(side=32, batch=16), epochs=3)\n"
    )
    run = tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for wait_s in (0.0, 0.3, 0.1, 0.7, 0.2):
        child = subprocess.Popen([sys.executable, "-c", code, str(drawn), str(run)], env=environment)
        limit = time.monotonic() + 60
        while not (run / "config.json").exists() and child.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert trained(drawn, run, epochs=3).sha256 == done.sha256


def test_a_damaged_checkpoint_is_told(drawn: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(drawn, run, epochs=1)
    for content in (b"", b"nonsense", (run / CHECKPOINT).read_bytes()[:2000]):
        (run / CHECKPOINT).write_bytes(content)
        with pytest.raises(RunRefused, match="cannot be used"):
            trained(drawn, run, epochs=2)


def test_another_configuration_is_refused(done: SelfieRun, drawn: Path) -> None:
    with pytest.raises(RunRefused, match="batch is 16 there and 8 here"):
        trained(drawn, done.model.parent, Recipe(side=32, batch=8))


# --- bad pictures -----------------------------------------------------------------------------------


def test_missing_and_broken_pictures_are_counted_and_named(drawn: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for path in (drawn.parent / "images").iterdir():
        (images / path.name).symlink_to(path)
    for name in ("00001", "00002"):
        (images / f"{name}.jpg").unlink()
    (images / "00003.jpg").unlink()
    (images / "00003.jpg").write_bytes(b"\xff\xd8\xff broken")
    found = train_selfie(drawn, images=images, out=tmp_path / "run", recipe=TINY, epochs=1)
    assert found.counts == {"used": 85, "missing": 2, "unreadable": 1, "no face": 0}
    assert found.missing == ("00001", "00002")
    table = (tmp_path / "run" / "left_out.csv").read_text().splitlines()
    assert table == ["file,reason", "00001,missing", "00002,missing", "00003,unreadable"]


def test_too_few_selfies_are_refused(tmp_path: Path) -> None:
    few = draw_set(tmp_path / "few", 8)
    with pytest.raises(DatasetRefused, match="Only 9 of 9 selfies"):
        trained(few, tmp_path / "run")


# --- the other ways to look -------------------------------------------------------------------------


def test_the_face_alone(drawn: Path, tmp_path: Path, photos: dict[str, Path]) -> None:
    few = draw_set(tmp_path / "few", 30, seed=1, copies=False)
    found = trained(few, tmp_path / "run", Recipe(side=32, batch=8, view="face", popular_from=None), epochs=1)
    assert found.counts["used"] + found.counts["no face"] == 30
    assert found.counts["used"] >= 25
    scorer = SelfieScorer(Settings(selfie_path=found.model))
    assert scorer.model.spec.view == "face"
    assert scorer.score(photos["astronaut"]).probability_from == "selfie_model"
    assert scorer.score(photos["coffee"]).probability_from == "percentile"


def test_a_head_on_the_embedded_model(tmp_path: Path, photos: dict[str, Path]) -> None:
    few = draw_set(tmp_path / "few", 30, seed=1, copies=False)
    found = trained(few, tmp_path / "run", Recipe(network="head", popular_from=None), epochs=3)
    scorer = SelfieScorer(Settings(selfie_path=found.model))
    assert scorer.model.spec.input_size == (240, 240)
    assert 0 < scorer.score(photos["astronaut"]).probability < 1
    # It is a scorer whose map popscore finds by itself.
    assert scorer._selfie is not None
    assert scorer._selfie.has_map


# --- the command ------------------------------------------------------------------------------------


def test_the_command(run: Run, tmp_path: Path, photos: dict[str, Path]) -> None:
    few = draw_set(tmp_path / "few", 30, seed=2)
    (few.parent / "images" / "00001.jpg").unlink()
    out = tmp_path / "run"
    arguments = ["train-selfie", few, "--images", few.parent / "images", "--out", out, "--epochs", "1"]
    done = run(*arguments, "--popular", "half", "--name", "mine", "--license", "CC-BY-4.0")
    assert done.status == 0, done.err
    assert "1 pictures are missing: 00001" in done.err
    assert "95 % interval" in done.out
    assert "women" in done.out
    assert "bias" in done.out
    again = run(*arguments, "--popular", "half", "--json")
    assert again.json["model"] == str(out / "model.onnx")
    assert run(*arguments).status == 2  # another configuration
    found = run("selfie", "--json", photos["astronaut"], POPSCORE_SELFIE_MODEL=out / "model.onnx")
    assert found.json["results"][0]["probability_from"] == "selfie_model"


@pytest.mark.parametrize(
    "bad", [["--popular", "nan"], ["--popular", "many"], ["--epochs", "0"], ["--network", "vgg"], ["--seed", "-1"]]
)
def test_odd_options(run: Run, tmp_path: Path, bad: list[str]) -> None:
    assert run("train-selfie", "a.txt", "--images", tmp_path, "--out", tmp_path / "run", *bad).status == 2
    assert not (tmp_path / "run").exists()


def test_an_output_folder_that_is_a_file(run: Run, drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    done = run("train-selfie", drawn, "--images", drawn.parent / "images", "--out", tmp_path / "run")
    assert done.status == 2
    assert (tmp_path / "run").read_text() == "a file"
    assert "Traceback" not in done.err


# --- the truth --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_truth_is_found_again(tmp_path: Path) -> None:
    """A hat makes a selfie popular in .95 of the cases, and those called female wear it more often."""
    dataset = draw_set(tmp_path / "selfies", 400, seed=0)
    found = trained(dataset, tmp_path / "run", epochs=14, words=Words(name="hats"))
    assert found.whole.accuracy >= 0.85
    assert found.whole.interval[0] > found.majority
    women, men = found.groups["women"], found.groups["men"]
    # The bias of the data is there, and shows.
    assert women.popular > men.popular
    assert women.called_popular > men.called_popular
    # What decides is the hat: the same selfie with and without one.
    scorer = SelfieScorer(Settings(selfie_path=found.model))
    lines = dataset.read_text().splitlines()
    hats = [line.split()[0] for line in lines if line.split()[2 + 33] == "1"][:12]
    bare = [line.split()[0] for line in lines if line.split()[2 + 33] == "-1"][:12]
    images = dataset.parent / "images"
    chances = [np.mean([scorer.score(images / f"{name}.jpg").probability for name in group]) for group in (hats, bare)]
    assert chances[0] > 0.7 > 0.3 > chances[1]


def test_a_model_of_the_wrong_shape_is_refused(done: SelfieRun, tmp_path: Path) -> None:
    import onnx
    from onnx import helper

    model = onnx.load(done.model)
    values = {item.key: item.value for item in model.metadata_props}
    helper.set_model_props(model, {**values, "popscore.input_size": "[64, 64]"})
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelRefused):
        SelfieScorer(Settings(selfie_path=tmp_path / "other.onnx"))
