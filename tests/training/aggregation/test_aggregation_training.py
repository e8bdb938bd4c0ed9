"""Training the aggregation transformer: its loss, and that it learns from a past what can be learnt from it."""

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')

from popscore.training.aggregation.__main__ import main  # noqa: E402
from popscore.training.aggregation.histories import History, cosines  # noqa: E402
from popscore.training.aggregation.network import Aggregation, Shape, ratio_loss  # noqa: E402
from popscore.training.aggregation.train import Material, Recipe, predict, train  # noqa: E402

PHOTOS, KINDS = 120, 6


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads of two test workers would wait for each other."""
    torch.set_num_threads(1)


def made_up(*, depth: bool = False) -> tuple[Material, np.ndarray]:
    """Photos of six kinds that are alike within a kind, and which kind each is of."""
    rng = np.random.default_rng(0)
    kinds = np.arange(PHOTOS) % KINDS
    points = np.eye(KINDS)[kinds] + 0.05 * rng.normal(size=(PHOTOS, KINDS))
    maps = np.repeat(points[:, None], 4, axis=1).astype(np.float32)  # (N, 4 positions, 6)
    return Material(
        maps=torch.from_numpy(maps),
        depth=torch.from_numpy(maps[:, :1].repeat(5, axis=1)) if depth else None,
        general=rng.normal(size=PHOTOS),
        likeness=cosines(points.astype(np.float32)),
        points=points,
    ), kinds


def person(kinds: np.ndarray, seed: int) -> History:
    """Likes three of the kinds three times as much as the others."""
    rng = np.random.default_rng(seed)
    liked = np.isin(kinds, rng.permutation(KINDS)[: KINDS // 2])
    photos = rng.permutation(PHOTOS)
    return History(
        photos=photos, likes=np.rint(100 * np.where(liked, 3.0, 1.0)[photos] * rng.uniform(0.9, 1.1, PHOTOS))
    )


def test_the_loss_is_of_both_ratios() -> None:
    one = torch.tensor
    loss = ratio_loss(one([2.0, 1.0]), one([1.0, 4.0]), one([300.0, 50.0]), one([100.0, 200.0]))
    torch.testing.assert_close(loss, one([(3 - 2) ** 2 + (1 / 3 - 1 / 2) ** 2, 0.0]))
    torch.testing.assert_close(ratio_loss(one([5.0]), one([7.0]), one([2.0]), one([3.0])),
                               ratio_loss(one([7.0]), one([5.0]), one([3.0]), one([2.0])))  # fmt: skip


def test_before_it_is_trained_scores_go_by_the_general_score() -> None:
    material, _ = made_up()
    nobody = History(photos=np.zeros(0, np.intp), likes=np.zeros(0))
    asked = np.arange(10)
    network = Aggregation(Shape(channels=KINDS, positions=4))
    found = predict(network, material, nobody, asked)
    assert np.argsort(found).tolist() == np.argsort(material.general[:10]).tolist()
    plain = predict(Aggregation(Shape(channels=KINDS, positions=4, general=False)), material, nobody, asked)
    assert np.ptp(plain) == 0


def test_it_learns_to_read_a_past_and_does_so_for_people_whom_it_never_saw() -> None:
    material, kinds = made_up()
    shape = Shape(channels=KINDS, positions=4, width=32, general=False, dropout=0.0)
    recipe = Recipe(epochs=25, simulated=0.0, rate=3e-3)
    losses: list[float] = []
    network = train(
        material, [person(kinds, seed) for seed in range(40)], np.arange(PHOTOS), shape, recipe,
        on_epoch=lambda _epoch, loss, _network: losses.append(loss),
    )  # fmt: skip
    assert losses[-1] < 0.5 * losses[0]
    right = []
    for seed in range(1000, 1020):
        posts = person(kinds, seed)
        past = History(photos=posts.photos[:60], likes=posts.likes[:60])
        found = predict(network, material, past, posts.photos[60:])
        high = posts.likes[60:] > 200
        right.append(float((found[high][:, None] > found[~high]).mean()))
    assert np.mean(right) > 0.9


def test_depth_masked_features_are_taken_where_there_are_any() -> None:
    material, kinds = made_up(depth=True)
    shape = Shape(channels=KINDS, positions=4, width=32, depth=True)
    network = train(material, [person(kinds, 1)], np.arange(PHOTOS), shape, Recipe(epochs=2, people=2, simulated=1.0))
    posts = person(kinds, 2)
    found = predict(network, material, posts, np.arange(5))
    assert material.depth is not None
    other = Material(**{**vars(material), "depth": material.depth + 1})
    assert np.abs(found - predict(network, other, posts, np.arange(5))).max() > 1e-6
    with pytest.raises(ValueError, match="depth-masked features"):
        predict(network, made_up()[0], posts, np.arange(5))


def test_what_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POPSCORE_DEPTH_MODEL", raising=False)
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "x.pt")]) == 2
    said = capsys.readouterr()
    assert "the five depth features are left out" in said.out and "is missing" in said.err
    monkeypatch.setenv("POPSCORE_DEPTH_MODEL", str(tmp_path / "none.onnx"))
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "x.pt")]) == 2
    assert "POPSCORE_DEPTH_MODEL" in capsys.readouterr().err
