"""From features to a score: a kernel machine for appeal, and one for damage.

A kernel machine compares a photo with the training photos: f(x) = sum_i a_i exp(-gamma |x - x_i|^2). With about a
thousand rated photos it beats a fitted linear layer. To be small, inner products with the training photos are taken in
a few directions only, those along which f changes most, while lengths are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from popscore.training.appeal.export import GraphWriter, rounded

Array = NDArray[np.float64]
Parts = tuple[tuple[int, float, bool], ...]

SQRT_OFFSET = 0.05  # keeps the slope of the square root of a pooled ReLU finite


@dataclass(frozen=True)
class Standardiser:
    """Pooled features (N, C) -> coordinates in which the mean squared distance of two photos is about 1.

    Pooled ReLU outputs are skewed, so their square root is taken first.
    """

    mean: Array  # (C,)
    scale: Array  # (C,)
    root: Array  # (C,), 1 where the square root is taken, else 0

    def __call__(self, features: NDArray[np.float32]) -> Array:
        """(N, C) -> (N, C)"""
        return (_rooted(features, self.root) - self.mean) * self.scale


def _rooted(features: NDArray[np.float32], root: Array) -> Array:
    values = features.astype(np.float64)
    return np.asarray(np.where(root > 0, np.sqrt(np.maximum(values, 0) + SQRT_OFFSET), values))


def fit_standardiser(features: NDArray[np.float32], parts: Parts) -> Standardiser:
    """Each part (channels, weight, root) gets its weight's share of the squared distance."""
    root = np.concatenate([np.full(channels, float(rooted)) for channels, _, rooted in parts])
    values = _rooted(features, root)
    deviation, total, start, scales = values.std(axis=0), sum(weight for _, weight, _ in parts), 0, []
    for channels, weight, _ in parts:
        part = deviation[start : start + channels]
        # channels that are almost always the same must not be blown up
        scales.append(np.sqrt(weight / total / (2 * channels)) / (part + 0.05 * np.median(part) + 1e-4))
        start += channels
    return Standardiser(values.mean(axis=0), np.concatenate(scales), root)


@dataclass(frozen=True)
class KernelMachine:
    """f(x) = sum_i a_i exp(-gamma (|x|^2 + |x_i|^2 - 2 <Ux, z_i>)), with U and z rounded as they ship."""

    standardiser: Standardiser
    directions: Array  # U, (d, C), rows of unit length
    centres: Array  # z, (n, d)
    lengths: Array  # |x_i|^2, (n,)
    coefficients: Array  # a, (n,)
    gamma: float

    def kernel(self, features: NDArray[np.float32]) -> Array:
        """(N, C) -> (N, n), likeness to every centre."""
        x = self.standardiser(features)
        return np.asarray(_kernel((x**2).sum(1), x @ self.directions.T, self.lengths, self.centres, self.gamma))

    def __call__(self, features: NDArray[np.float32]) -> Array:
        """(N, C) -> (N,)"""
        return np.asarray(self.kernel(features) @ self.coefficients)


def _kernel(lengths: Array, x: Array, centre_lengths: Array, centres: Array, gamma: float) -> Array:
    return np.asarray(np.exp(-gamma * (lengths[:, None] + centre_lengths[None] - 2 * x @ centres.T)))


def fit_kernel_machine(
    features: NDArray[np.float32], targets: Array, weights: Array, parts: Parts, *,
    gamma: float, ridge: float, directions: int, centres: NDArray[np.intp],
) -> KernelMachine:  # fmt: skip
    """Weighted kernel ridge regression.

    Args:
        features: (n, C) pooled features of the training photos.
        targets, weights: (n,).
        ridge: penalty, in units of a photo of weight 1.
        directions: how many directions the inner products keep.
        centres: (m,) indices of the training photos that become centres.
    """
    standardiser = fit_standardiser(features, parts)
    x = standardiser(features)
    lengths = (x**2).sum(axis=1)
    chosen = centres
    basis = _basis(x[chosen])  # (C, r): every centre lies in it
    inside = x @ basis

    def solve(points: Array, middle: Array) -> tuple[Array, Array]:  # coefficients (n,), kernel (N, n)
        kernel = _kernel(lengths, points, lengths[chosen], middle, gamma)
        kernel[chosen, np.arange(len(chosen))] = 1.0
        square = kernel[chosen]
        left = (kernel * weights[:, None]).T @ kernel + ridge * (square + square.T) / 2
        left[np.diag_indices_from(left)] += 1e-6 * len(x)
        return np.asarray(np.linalg.solve(left, kernel.T @ (weights * targets)), dtype=np.float64), kernel

    # Where f changes: its gradients at the training photos, together with the spread of the photos themselves.
    coefficients, kernel = solve(inside, inside[chosen])
    pull = kernel * coefficients
    gradients = pull @ inside[chosen] - pull.sum(axis=1, keepdims=True) * inside
    spread, change = inside.T @ inside, gradients.T @ gradients
    _, axes = np.linalg.eigh(spread / np.trace(spread) + 5 * change / np.trace(change))
    kept = rounded((basis @ axes[:, ::-1][:, :directions]).T).astype(np.float64)
    points = x @ kept.T
    middle = rounded(points[chosen]).astype(np.float64)
    coefficients, _ = solve(points, middle)
    return KernelMachine(standardiser, kept, middle, lengths[chosen], coefficients, gamma)


def _basis(x: Array) -> Array:
    """(C, r) orthonormal columns that span the rows of (n, C), all of space where that is no smaller."""
    if len(x) >= x.shape[1]:
        return np.eye(x.shape[1])
    return np.asarray(linalg.orth(x.T, rcond=1e-4))


@dataclass(frozen=True)
class AppealHead:
    """z score of the rating: appeal, less a penalty where the damage machine is sure.

    `damage` is about 0 on whole photos and 1 on degraded ones.
    """

    appeal: KernelMachine
    damage: KernelMachine
    threshold: float
    penalty: float

    def __call__(self, embedding: NDArray[np.float32], low: NDArray[np.float32]) -> Array:
        """(N, C) and (N, L) -> (N,)"""
        return self.appeal(embedding) - self.penalty * np.maximum(self.damage(low) - self.threshold, 0)


def write_head(graph: GraphWriter, head: AppealHead, features: str, low: str, *, gain: float, offset: float) -> None:
    """Add `embedding`, `output` (N,) and `activation_map` (N, 8, 8) to a graph; score = gain * z + offset.

    The map is score + g . (features[:, y, x] - embedding), with g the gradient of the score in the embedding: what the
    score would gain or lose, to first order, if all of the photo were like this position. Its mean is the score.
    """
    embedding = graph.node("Flatten", graph.node("GlobalAveragePool", features), output="embedding", axis=1)
    appeal, slope = _write_machine(graph, head.appeal, embedding, with_gradient=True)
    damage, _ = _write_machine(graph, head.damage, low, with_gradient=False)
    over = graph.node("Max", graph.node("Sub", damage, graph.constant(head.threshold)), graph.zero)
    z = graph.node("Sub", appeal, graph.node("Mul", over, graph.constant(head.penalty)))  # (N, 1)
    score = graph.node("Add", graph.node("Mul", z, graph.constant(gain)), graph.constant(offset))
    graph.node("Squeeze", score, graph.constant(np.array([1], np.int64)), output="output")

    slope = graph.node("Mul", slope, graph.constant(gain))  # (N, C)
    shape = graph.constant(np.array([0, 0, -1], np.int64))
    flat = graph.node("Reshape", features, shape)  # (N, C, 64)
    row = graph.node("Unsqueeze", slope, graph.constant(np.array([1], np.int64)))  # (N, 1, C)
    moved = graph.node("MatMul", row, flat)  # (N, 1, 64)
    middle = graph.node("ReduceMean", moved, axes=[2], keepdims=1)
    score_at = graph.node("Unsqueeze", score, graph.constant(np.array([2], np.int64)))  # (N, 1, 1)
    values = graph.node("Add", graph.node("Sub", moved, middle), score_at)
    grid = graph.constant(np.array([0, 8, 8], np.int64))
    graph.node("Reshape", values, grid, output="activation_map")


def _write_machine(graph: GraphWriter, machine: KernelMachine, e: str, *, with_gradient: bool) -> tuple[str, str]:
    """Names of f (N, 1) and of its gradient in the features (N, C), or an empty name."""
    scaler, gamma = machine.standardiser, machine.gamma
    channels = len(scaler.mean)
    root, plain = graph.constant(scaler.root), graph.constant(1 - scaler.root)
    lifted = graph.node("Add", graph.node("Max", e, graph.zero), graph.constant(SQRT_OFFSET))
    roots = graph.node("Sqrt", lifted)
    mixed = graph.node("Add", graph.node("Mul", roots, root), graph.node("Mul", e, plain))
    scale = graph.constant(scaler.scale)
    x = graph.node("Mul", graph.node("Sub", mixed, graph.constant(scaler.mean)), scale)  # (N, C)
    directions = graph.compressed(machine.directions)  # (d, C)
    centres = graph.compressed(machine.centres)  # (n, d)
    inner = graph.node("MatMul", x, graph.node("Transpose", directions, perm=[1, 0]))  # (N, d)
    inner = graph.node("MatMul", inner, graph.node("Transpose", centres, perm=[1, 0]))  # (N, n)
    length = graph.node("ReduceSumSquare", x, axes=[1], keepdims=1)  # (N, 1)
    apart = graph.node("Sub", graph.node("Add", length, graph.constant(machine.lengths)),
                       graph.node("Mul", inner, graph.constant(2.0)))  # fmt: skip
    kernel = graph.node("Exp", graph.node("Mul", apart, graph.constant(-gamma)))
    pull = graph.node("Mul", kernel, graph.constant(machine.coefficients))  # (N, n)
    total = graph.node("ReduceSum", pull, graph.constant(np.array([1], np.int64)), keepdims=1)  # (N, 1)
    if not with_gradient:
        return total, ""
    towards = graph.node("MatMul", graph.node("MatMul", pull, centres), directions)  # (N, C)
    slope = graph.node("Sub", towards, graph.node("Mul", x, total))
    slope = graph.node("Mul", slope, graph.constant(2 * gamma * scaler.scale.reshape(1, channels)))
    bend = graph.node("Mul", graph.node("Div", graph.constant(0.5), roots), root)
    return total, graph.node("Mul", slope, graph.node("Add", bend, plain))
