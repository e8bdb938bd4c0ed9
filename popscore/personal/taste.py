"""What a person's ratings teach: a Gaussian process on the embedding, with the general score as its mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_NOISE, _REACH = 2.0, 0.35


@dataclass(frozen=True, kw_only=True, eq=False)
class Personal:
    """Personal scores of N photos.

    Attributes:
        scores: (N,) on the general model's scale.
        support: (N,) how much of it was learnt, 0 to 1.
        deviation: (N,) standard deviation of the scores.
    """

    scores: Floats
    support: Floats
    deviation: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Taste:
    """How a person differs from the general model."""

    known: Floats
    alpha: Floats
    inverse: Floats
    scale: float

    def predict(self, embeddings: npt.NDArray[np.float32], general: Floats) -> Personal:
        """Personal scores of N photos: embeddings (N, D), general scores (N,)."""
        general = np.asarray(general, np.float64)
        if not len(self.known):
            return Personal(scores=general, support=np.zeros(len(general)), deviation=np.full(len(general), self.scale))
        near = _kernel(_unit(embeddings), self.known)
        told = np.clip((near @ self.inverse * near).sum(axis=1), 0, 1)
        return Personal(
            scores=general + self.scale * (near @ self.alpha),
            support=told,
            deviation=self.scale * np.sqrt(np.maximum(1 - told, 1e-6)),
        )


def learn_from_ratings(
    embeddings: npt.NDArray[np.float32],
    general: Floats,
    ratings: Floats,
    *,
    reference_mean: float,  # noqa: ARG001
    reference_std: float,
    weights: Floats | None = None,
) -> Taste:
    """Learn from M rated photos: embeddings (M, D), general scores (M,), ratings (M,) on any scale."""
    if not len(ratings):
        nothing = np.zeros((0, embeddings.shape[1]))
        return Taste(known=nothing, alpha=np.zeros(0), inverse=np.zeros((0, 0)), scale=reference_std)
    known = _unit(embeddings)
    wish = (ratings - ratings.mean()) / max(float(ratings.std()), 1e-6)
    usual = (general - general.mean()) / reference_std
    noise = _NOISE / np.maximum(np.ones(len(ratings)) if weights is None else weights, 1e-3)
    inverse: Floats = np.linalg.inv(_kernel(known, known) + np.diag(noise)).astype(np.float64)
    return Taste(known=known, alpha=inverse @ (wish - usual), inverse=inverse, scale=0.5 * reference_std)


def _unit(embeddings: npt.NDArray[np.float32]) -> Floats:
    wide = np.asarray(embeddings, np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9), np.float64)


def _kernel(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.exp((a @ b.T - 1) / _REACH**2), np.float64)
