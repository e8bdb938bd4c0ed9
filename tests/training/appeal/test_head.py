"""The kernel machines fit, and the graph that ships computes what the fitted head computes."""

import numpy as np
import pytest
from convolutions import run_graph

from popscore.training.appeal import head as head_module
from popscore.training.appeal.export import GraphWriter, rounded
from popscore.training.appeal.head import AppealHead, KernelMachine, fit_kernel_machine, fit_standardiser, write_head

PARTS = ((12, 1.0, True), (8, 0.5, False))
LOW_PARTS = ((6, 1.0, False),)
CHANNELS, LOW = 20, 6


def squared_distances(x: np.ndarray) -> np.ndarray:
    return ((x[:, None] - x[None]) ** 2).sum(axis=2)


@pytest.fixture(scope="module")
def embedding() -> np.ndarray:
    return np.abs(np.random.default_rng(0).normal(1, 1, (90, CHANNELS))).astype(np.float32)


@pytest.fixture(scope="module")
def targets(embedding: np.ndarray) -> np.ndarray:
    wave = np.sin(2 * embedding[:, 0]) + embedding[:, 13] - 0.5 * embedding[:, 14] ** 2
    return np.asarray((wave - wave.mean()) / wave.std(), dtype=np.float64)


def fitted(embedding: np.ndarray, targets: np.ndarray, **changes: object) -> KernelMachine:
    options: dict[str, object] = {
        "gamma": 1.0, "ridge": 0.05, "directions": CHANNELS, "centres": np.arange(len(embedding)),
    }  # fmt: skip
    return fit_kernel_machine(embedding, targets, np.ones(len(targets)), PARTS, **{**options, **changes})


@pytest.fixture(scope="module")
def head(embedding: np.ndarray, targets: np.ndarray) -> AppealHead:
    rng = np.random.default_rng(3)
    low = rng.normal(0, 1, (80, LOW)).astype(np.float32)
    low[40:] += 1
    damage = fit_kernel_machine(
        low, np.repeat([0.0, 1.0], 40), np.ones(80), LOW_PARTS,
        gamma=2.0, ridge=1.0, directions=4, centres=rng.permutation(80)[:30],
    )  # fmt: skip
    return AppealHead(fitted(embedding, targets, directions=10), damage, threshold=0.5, penalty=3.0)


# --- coordinates -------------------------------------------------------------------------------------


def test_the_mean_squared_distance_of_two_photos_is_about_1_and_shared_by_weight(embedding: np.ndarray) -> None:
    x = fit_standardiser(embedding, PARTS)(embedding)
    assert x.mean(axis=0) == pytest.approx(0, abs=1e-9)
    # A little below 1: channels that hardly vary are not blown up.
    assert 0.8 < squared_distances(x).mean() < 1
    shares = [squared_distances(x[:, :12]).mean(), squared_distances(x[:, 12:]).mean()]
    assert shares[0] / shares[1] == pytest.approx(2, rel=0.02)


def test_a_channel_that_is_always_the_same_stays_small(embedding: np.ndarray) -> None:
    flat = embedding.copy()
    flat[:, 15] = 1
    flat[0, 15] = 1.001
    assert np.abs(fit_standardiser(flat, PARTS)(flat)[:, 15]).max() < 0.01


# --- the kernel machine ------------------------------------------------------------------------------


def basis_by_hand(x: np.ndarray) -> np.ndarray:
    """Through the smaller Gram matrix, as 1.0.0 was trained."""
    values, vectors = np.linalg.eigh(x @ x.T)
    kept = values > 1e-8 * values[-1]
    return np.asarray(x.T @ (vectors[:, kept] / np.sqrt(values[kept])))


@pytest.mark.parametrize("repeated", [False, True])
def test_the_basis_of_scipy_gives_the_numbers_that_the_file_was_trained_with(
    embedding: np.ndarray, targets: np.ndarray, monkeypatch: pytest.MonkeyPatch, repeated: bool
) -> None:
    """Fewer centres than channels, so that a basis is needed; also where the centres span less than their number."""
    centres = np.arange(12)
    given = embedding.copy()
    if repeated:
        given[6:12] = given[:6]
    found = fitted(given, targets, centres=centres, directions=4)(embedding)
    monkeypatch.setattr(head_module, "_basis", basis_by_hand)
    assert found == pytest.approx(fitted(given, targets, centres=centres, directions=4)(embedding), abs=1e-6)


def test_it_learns_what_is_not_linear(embedding: np.ndarray, targets: np.ndarray) -> None:
    machine = fitted(embedding[:60], targets[:60], centres=np.arange(60))
    assert np.corrcoef(machine(embedding[:60]), targets[:60])[0, 1] > 0.95
    assert np.corrcoef(machine(embedding[60:]), targets[60:])[0, 1] > 0.6


def test_with_all_directions_it_is_kernel_ridge_regression(embedding: np.ndarray, targets: np.ndarray) -> None:
    """But for the rounding of directions and centres to 8 bits."""
    x = fit_standardiser(embedding, PARTS)(embedding)
    kernel = np.exp(-squared_distances(x))
    ridge = 0.05 * np.eye(len(x))
    wanted = kernel @ np.linalg.solve(kernel + ridge, targets)
    assert fitted(embedding, targets)(embedding) == pytest.approx(wanted, abs=0.05)


def test_weights_count(embedding: np.ndarray, targets: np.ndarray) -> None:
    """A photo of weight 0 does not matter, and one of large weight is met."""
    spoiled = targets.copy()
    spoiled[5] = 50
    weights = np.ones(len(targets))
    weights[5] = 0
    options = {"gamma": 1.0, "ridge": 0.05, "directions": CHANNELS, "centres": np.arange(len(targets))}
    without = fit_kernel_machine(embedding, spoiled, weights, PARTS, **options)
    assert np.abs(without(embedding)).max() < 5
    weights[5] = 100
    assert fit_kernel_machine(embedding, spoiled, weights, PARTS, **options)(embedding)[5] > 45


def test_what_ships_is_rounded_to_8_bits(head: AppealHead) -> None:
    for machine in (head.appeal, head.damage):
        for values in (machine.directions, machine.centres):
            assert rounded(values) == pytest.approx(values, abs=1e-7)
    assert head.appeal.directions.shape == (10, CHANNELS)
    assert np.linalg.norm(head.appeal.directions, axis=1) == pytest.approx(1, abs=0.02)
    assert head.damage.centres.shape == (30, 4)


def test_fewer_photos_than_channels(embedding: np.ndarray, targets: np.ndarray) -> None:
    """Then directions are sought in the space of the centres only, which have 11 dimensions: their mean is 0."""
    machine = fitted(embedding[:12], targets[:12], centres=np.arange(12))
    assert machine.directions.shape == (11, CHANNELS)
    assert np.corrcoef(machine(embedding[:12]), targets[:12])[0, 1] > 0.95


def test_damage_costs_points_above_the_threshold_only(head: AppealHead, embedding: np.ndarray) -> None:
    low = np.random.default_rng(9).normal(0.5, 1, (len(embedding), LOW)).astype(np.float32)
    sure = head.damage(low) > head.threshold
    assert 5 < sure.sum() < len(low) - 5
    lost = head.appeal(embedding) - head(embedding, low)
    assert lost[~sure] == pytest.approx(0, abs=1e-12)
    assert lost[sure] == pytest.approx(3 * (head.damage(low)[sure] - 0.5))


# --- the graph ---------------------------------------------------------------------------------------

GAIN, OFFSET = 1.7, 2.9


@pytest.fixture(scope="module")
def given() -> tuple[np.ndarray, np.ndarray]:
    """Feature maps (N, C, 8, 8) and low features (N, L)."""
    rng = np.random.default_rng(8)
    maps = np.abs(rng.normal(1, 1, (40, CHANNELS, 1, 1)) + rng.normal(0, 0.5, (40, CHANNELS, 8, 8)))
    return maps.astype(np.float32), rng.normal(0.5, 1, (40, LOW)).astype(np.float32)


@pytest.fixture(scope="module")
def outputs(head: AppealHead, given: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    graph = GraphWriter()
    write_head(graph, head, "features", "low", gain=GAIN, offset=OFFSET)
    shapes: dict[str, list[int | str]] = {"output": ["N"], "embedding": ["N", "C"], "activation_map": ["N", 8, 8]}
    return run_graph(graph, shapes, features=given[0], low=given[1])


def test_the_graph_is_the_head(
    head: AppealHead, given: tuple[np.ndarray, np.ndarray], outputs: list[np.ndarray]
) -> None:
    score, embedding, _ = outputs
    pooled = given[0].mean(axis=(2, 3))
    assert embedding == pytest.approx(pooled, abs=1e-5)
    wanted = GAIN * head(pooled, given[1]) + OFFSET
    assert wanted.std() > 0.3
    assert score == pytest.approx(wanted, abs=1e-4)


def test_the_mean_of_the_map_is_the_score(outputs: list[np.ndarray]) -> None:
    score, _, activation = outputs
    assert activation.shape == (40, 8, 8)
    assert activation.mean(axis=(1, 2)) == pytest.approx(score, abs=1e-4)


def test_the_map_says_what_the_score_gains_if_all_were_like_one_place(
    head: AppealHead, given: tuple[np.ndarray, np.ndarray], outputs: list[np.ndarray]
) -> None:
    """To first order: compared with a small step towards the features of that place."""
    score, _, activation = outputs
    pooled, step = given[0].mean(axis=(2, 3)).astype(np.float64), 1e-3
    for row, column in ((0, 0), (3, 5), (7, 7)):
        towards = given[0][:, :, row, column] - pooled
        gained = [
            GAIN * head((pooled + sign * step * towards).astype(np.float32), given[1]) + OFFSET for sign in (1, -1)
        ]
        assert activation[:, row, column] - score == pytest.approx((gained[0] - gained[1]) / (2 * step), abs=0.01)
