"""Training a ranker on drawn photos: it finds the truth, can be stopped anywhere, and says what it is."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, Run, environment
from paired_photos import draw_pairs
from PIL import Image

from popscore import Settings, load_scorer
from popscore.models.metadata import own_values
from popscore.models.network import Network
from popscore.posts import read_pairs

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')

from popscore.training.checkpoint import CHECKPOINT  # noqa: E402
from popscore.training.i2pa import train  # noqa: E402
from popscore.training.i2pa.backbones import build  # noqa: E402
from popscore.training.i2pa.figures import RankerRun, Words  # noqa: E402
from popscore.training.i2pa.network import Ranker, pair_losses  # noqa: E402
from popscore.training.i2pa.recipe import Recipe  # noqa: E402
from popscore.training.i2pa.train import Epoch, train_ranker  # noqa: E402
from popscore.training.run_folder import RunRefused  # noqa: E402

TINY = Recipe(backbone="small", side=32, batch=8, backbone_rate=1e-3, head_rate=3e-3)
OPTIONS = ["--backbone", "small", "--side", "32", "--batch", "8", "--backbone-rate", "1e-3", "--head-rate", "3e-3"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads of two test workers would wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("set"), users=12, each=5, seed=1)


def trained(pairs: Path, out: Path, recipe: Recipe = TINY, epochs: int = 3, **more: object) -> RankerRun:
    found = train_ranker(pairs, images=pairs.parent / "photos", out=out, recipe=recipe, epochs=epochs, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def done(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> RankerRun:
    torch.set_num_threads(1)
    return trained(drawn, tmp_path_factory.mktemp("runs") / "whole", words=Words(name="redness", licence="CC0-1.0"))


# --- what comes out ---------------------------------------------------------------------------------


def test_it_finds_the_truth(done: RankerRun) -> None:
    assert done.test.accuracy == done.validation.accuracy == 1
    assert done.parts == {"train": 50, "validation": 5, "test": 5}
    assert 0 <= done.before <= 1
    report = json.loads((done.model.parent / "report.json").read_text())
    assert (report["epochs"], len(report["history"]), report["pairs"]) == (3, 3, done.parts)
    losses = [epoch["train_loss"] for epoch in report["history"]]
    assert losses[-1] < losses[0]
    with Image.open(done.model.parent / "curves.png") as curves:
        assert curves.size == (900, 420)


def test_the_model_says_what_it_is(done: RankerRun) -> None:
    values = own_values(Network(done.model.read_bytes(), file="model.onnx").metadata)
    assert (values["name"], values["kind"], values["license"]) == ("redness", "popularity", "CC0-1.0")
    assert (values["input_size"], values["resize"], values["mean"]) == ("[32, 32]", "squash", "[0.485, 0.456, 0.406]")
    assert json.loads(values["accuracy"])["pairwise accuracy"] == 1
    assert float(values["win_scale"]) == pytest.approx(done.win_scale, rel=1e-3)
    assert float(values["noise"]) > 0 and float(values["reference_std"]) > 0


def test_configuration_and_hashes_are_saved_with_the_weights(done: RankerRun, drawn: Path) -> None:
    kept = torch.load(done.model.parent / "weights.pt", weights_only=True)
    config = json.loads((done.model.parent / "config.json").read_text())
    assert config.items() <= kept["config"].items()
    assert len(kept["config"]["images_sha256"]) == len(kept["config"]["pairs_sha256"]) == 64
    assert kept["config"]["validation_sha256"] is None


def test_popscore_scores_as_torch_does(done: RankerRun, drawn: Path) -> None:
    scorer = load_scorer(Settings(model_path=done.model), exact=True)
    trunk = build("small", weights="imagenet", side=32)
    ranker = Ranker(trunk.network, trunk.channels)
    ranker.load_state_dict(torch.load(done.model.parent / "weights.pt", weights_only=True)["state"])
    ranker.eval()
    for path in sorted((drawn.parent / "photos").iterdir())[:6]:
        with Image.open(path) as photo:
            pixels = np.asarray(photo.resize((32, 32), Image.Resampling.BILINEAR), np.float32) / 255
        x = torch.from_numpy((pixels - np.array(trunk.mean)) / np.array(trunk.std)).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            assert scorer.score(path).score == pytest.approx(float(ranker(x)[0]), abs=1e-3)
    assert scorer.model.to_full_json()["scale"]["win_scale"] == pytest.approx(done.win_scale, rel=1e-3)


def test_the_commands_take_the_model(done: RankerRun, drawn: Path, run: Run) -> None:
    folder, photos = done.model.parent, drawn.parent / "photos"
    found = run("evaluate", folder / "test.csv", "--images", photos, "--model", done.model, "--json")
    assert found.status == 0 and found.json["results"][0]["accuracy"] == 1
    first = read_pairs(folder / "test.csv").pairs[0]
    names = [photos / f"{name}.png" for name in (first.winner, first.loser)]
    found = run("compare", *names, "--json", POPSCORE_MODEL_PATH=done.model)
    assert found.status == 0 and found.json["win_probability"] > 0.5
    found = run("explain", names[0], "--out", drawn.parent / "map.png", "--json", POPSCORE_MODEL_PATH=done.model)
    assert found.status == 0, found.err


def test_a_run_that_is_done_gives_the_same_again_at_once(done: RankerRun, drawn: Path) -> None:
    epochs: list[int] = []
    words = Words(name="redness", licence="CC0-1.0")
    again = trained(drawn, done.model.parent, words=words, told_epoch=lambda epoch, _: epochs.append(epoch))
    assert (again.sha256, again.before, epochs) == (done.sha256, done.before, [])


# --- stopped anywhere -------------------------------------------------------------------------------


class Stopped(BaseException):
    """What Ctrl-C does."""


def same(found: RankerRun, other: RankerRun) -> bool:
    """The same weights; names and licences may differ."""
    first, second = (torch.load(run.model.parent / "weights.pt", weights_only=True)["state"] for run in (found, other))
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("moment", ["photos", "epoch 1", "epoch 2", "while it writes a checkpoint", "model"])
def test_a_run_that_was_stopped_ends_as_if_it_had_not(
    done: RankerRun, drawn: Path, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
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
            patch.setattr(train, "_drawn", stop)
        with pytest.raises(Stopped):
            trained(drawn, run, told_epoch=after, told_photos=stop if moment == "photos" else None)
    assert same(trained(drawn, run), done)
    assert not list(run.glob("**/.popscore-*"))


def test_killed_at_any_moment(done: RankerRun, drawn: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "popscore", "train", str(drawn), "--images", str(drawn.parent / "photos"), "--out"]
    variables = environment(tmp_path, OMP_NUM_THREADS="1")
    for wait_s in (0.0, 0.1, 0.3, 0.05):
        child = subprocess.Popen([*command, str(run), *OPTIONS, "--epochs", "3"], env=variables, cwd=ROOT)
        limit = time.monotonic() + 60
        while not (run / "test.csv").exists() and child.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert same(trained(drawn, run), done)


def test_a_full_disk_leaves_the_last_good_checkpoint(done: RankerRun, drawn: Path, tmp_path: Path) -> None:
    """Files may not grow in this process, which fails as a full disk does."""
    run = tmp_path / "run"
    trained(drawn, run, epochs=1)
    before = (run / CHECKPOINT).read_bytes()
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from popscore.cli.entry import main; sys.exit(main())"
    )
    arguments = ["train", drawn, "--images", drawn.parent / "photos", "--out", run, *OPTIONS, "--epochs", "3"]
    found = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, env=environment(tmp_path, OMP_NUM_THREADS="1"),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert found.returncode == 2 and "checkpoint.pt was not written: File too large" in found.stderr
    assert "Traceback" not in found.stderr
    assert (run / CHECKPOINT).read_bytes() == before
    assert same(trained(drawn, run), done)


def test_a_damaged_checkpoint_is_told(drawn: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(drawn, run, epochs=1)
    for content in (b"", b"nonsense", (run / CHECKPOINT).read_bytes()[:2000]):
        (run / CHECKPOINT).write_bytes(content)
        with pytest.raises(RunRefused, match="cannot be used"):
            trained(drawn, run, epochs=2)


def test_another_configuration_is_refused(done: RankerRun, drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(RunRefused, match="another configuration: batch is 8 there and 16 here"):
        trained(drawn, done.model.parent, Recipe(**{**vars(TINY), "batch": 16}))
    other = draw_pairs(tmp_path / "other", users=12, each=5, seed=2)
    with pytest.raises(RunRefused, match="another configuration: pairs_sha256"):
        trained(other, done.model.parent)


# --- several processes ------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--freeze", "--mirror"]], ids=["all of it", "the head"])
def test_two_processes_learn_what_one_learns(drawn: Path, tmp_path: Path, options: list[str]) -> None:
    """Started as torchrun starts them: python -m torch.distributed.run is what it is."""
    arguments = ["train", drawn, "--images", drawn.parent / "photos", *OPTIONS, *options, "--epochs", "2", "--out"]
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    variables = environment(tmp_path, OMP_NUM_THREADS="1")
    for out, launcher in ((tmp_path / "one", []), (tmp_path / "two", torchrun)):
        command = [sys.executable, "-m", *launcher, "popscore", *map(str, arguments), str(out), "--json"]
        found = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=180)
        assert found.returncode == 0, found.stderr
        assert len(json.loads(found.stdout)["results"]) == 1  # one process answers
    one, two = (torch.load(tmp_path / name / "weights.pt", weights_only=True)["state"] for name in ("one", "two"))
    for key in one:
        assert torch.allclose(one[key], two[key], atol=1e-4), key
    reports = [json.loads((tmp_path / name / "report.json").read_text()) for name in ("one", "two")]
    assert reports[0]["test"]["accuracy"] == reports[1]["test"]["accuracy"]
    assert [epoch["train_loss"] for epoch in reports[0]["history"]] == pytest.approx(
        [epoch["train_loss"] for epoch in reports[1]["history"]], abs=1e-4
    )


# --- other ways to learn ----------------------------------------------------------------------------


def test_the_losses() -> None:
    won, lost, likes = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 2.0]), torch.tensor([[20.0, 10.0]] * 2)
    assert pair_losses("ranknet", won, lost, likes).tolist() == pytest.approx([np.log1p(np.e**-1), np.log1p(np.e)])
    assert pair_losses("ratio", won, lost, likes).tolist() == pytest.approx([0, 1.5**2 * 2])
    expected = [((w - np.log(20)) ** 2 + (one - np.log(10)) ** 2) / 2 for w, one in ((2, 1), (1, 2))]
    assert pair_losses("regression", won, lost, likes).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "ratio"},
        {"loss": "regression"},
        {"freeze": True, "mirror": True, "head_rate": 1e-2},
        {"freeze": True, "head": "mlp", "dropout": 0.2, "head_rate": 1e-2},
        {"warm_up": 2, "crop": True, "mirror": True, "resize": "short_side_crop"},
        {"epoch_pairs": 30, "normalisation": "none", "weights": "none"},
    ],
    ids=str,
)
def test_other_ways_to_learn(drawn: Path, tmp_path: Path, options: dict[str, object]) -> None:
    recipe = Recipe(**{**vars(TINY), **options})
    found = trained(drawn, tmp_path / "run", recipe, epochs=4)
    assert found.test.accuracy >= 0.8
    scorer = load_scorer(Settings(model_path=found.model), exact=True)
    score = scorer.score(next((drawn.parent / "photos").iterdir())).score
    assert np.isfinite(score) and (score > 0 or recipe.loss != "ratio")
    session = load_scorer(Settings(model_path=found.model), exact=True)._session  # type: ignore[attr-defined]
    assert session.has_map == (recipe.loss != "ratio" and recipe.head == "linear")


def test_wrong_labels(drawn: Path, tmp_path: Path) -> None:
    few, all_of_them = (
        trained(drawn, tmp_path / str(flip), Recipe(**{**vars(TINY), "flip": flip}), epochs=2) for flip in (0.2, 1.0)
    )
    assert few.test.accuracy == 1
    # Whatever was learned from labels that are all wrong, validation pairs, whose labels are right, choose the best.
    report = json.loads((all_of_them.model.parent / "report.json").read_text())
    assert report["history"][-1]["validation_accuracy"] < 0.5


def test_runs_share_what_is_read_of_photos(drawn: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for seed in (1, 2):
        trained(drawn, tmp_path / f"run {seed}", Recipe(**{**vars(TINY), "seed": seed}), epochs=1, cache=cache)
    assert len(list(cache.iterdir())) == 1
    assert not list((tmp_path / "run 1").glob("photos*"))


# --- bad photos -------------------------------------------------------------------------------------


def test_missing_and_broken_photos_are_counted_and_named(drawn: Path, tmp_path: Path, run: Run) -> None:
    images = tmp_path / "photos"
    images.mkdir()
    for path in (drawn.parent / "photos").iterdir():
        (images / path.name).symlink_to(path)
    (images / "u3_0_a.png").unlink()
    (images / "u4_0_b.png").unlink()
    (images / "u4_0_b.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    found = run("train", drawn, "--images", images, "--out", tmp_path / "run", *OPTIONS, "--epochs", "1", "--json")
    assert found.status == 1, found.err
    result = found.json["results"][0]
    assert result["photos"] == {"used": 118, "missing": 1, "unreadable": 1}
    assert sum(result["pairs"].values()) == 58
    assert {error["file"] for error in found.json["errors"]} == {"u3_0_a", "u4_0_b"}
    assert "u3_0_a is not in the folder" in found.err and "u4_0_b could not be read" in found.err
    table = (tmp_path / "run" / "left_out.csv").read_text().splitlines()
    assert table == ["photo,reason", "u3_0_a,missing", "u4_0_b,unreadable"]
