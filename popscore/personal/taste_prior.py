"""What is known of anybody's taste before they have said a word: how tastes differ between people.

A taste is a function on photos, added to the general score. Before anything is known of a person it is 0 everywhere,
and this file says which photos are likely to share its sign: a Gaussian process (Rasmussen & Williams 2006) with
covariance

    slope_variance g g' + loadings(x) . loadings(x') + amplitude exp(-|x - x'|^2)

where g is the standardised general score (some people agree with it more than others), the loadings say along which
lines tastes were found to differ (a factor analysis of many people's ratings whose loadings are smooth functions of
what the model sees), and the last part stands for all else. `popscore/training/taste` learns it from people's ratings.
"""

from __future__ import annotations

import threading
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from popscore.errors import ModelRefused

Floats = npt.NDArray[np.float64]
Embeddings = npt.NDArray[np.floating[Any]]

FILE = "taste.npz"
_ROOT_OFFSET = 0.05  # as in the embedded model: keeps the slope of the square root finite
_SMALLEST = 1e-12
# For a model that nobody's taste was learnt on: the smooth part alone, at the size found with the embedded model.
_PLAIN_AMPLITUDE, _PLAIN_SLOPE_VARIANCE = 0.4, 0.03
_PLAIN_SLOPE, PLAIN_NOISE = 0.5, 0.6


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """N photos as a prior sees them.

    Attributes:
        inside: (N, d) coordinates, in which the mean squared distance of two photos is about 1.
        lengths: (N,) squared lengths, of what lies outside of the coordinates too.
        loadings: (N, k) how much the photo has of what tastes differ in.
        agreement: (N,) standardised general score.
    """

    inside: Floats
    lengths: Floats
    loadings: Floats
    agreement: Floats

    def at(self, places: npt.NDArray[np.intp]) -> Seen:
        """Some of the photos."""
        return Seen(
            inside=self.inside[places],
            lengths=self.lengths[places],
            loadings=self.loadings[places],
            agreement=self.agreement[places],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TastePrior:
    """How tastes differ, in units of a person's ratings: their standard deviation is 1.

    Attributes:
        sha256: of the model whose embeddings these are; None for a prior that was not learnt.
        mean, scale: (C,) of the embedding; a photo is (embedding - mean) * scale.
        root: (C,) where the square root is taken first, as of pooled ReLU outputs; None for nowhere.
        directions: (d, C) which inner products are taken in; None for all of them.
        centres, centre_lengths: (n, d) and (n,) photos that the loadings are functions of the likeness to.
        weights: (n, k) of the loadings.
        amplitude, slope_variance: see above.
        slope: rating that a general score one standard deviation higher is worth to the usual person.
        noise: variance of a person's rating that no taste explains.
    """

    sha256: str | None
    mean: Floats
    scale: Floats
    root: npt.NDArray[np.bool_] | None
    directions: Floats | None
    centres: Floats
    centre_lengths: Floats
    weights: Floats
    amplitude: float
    slope_variance: float
    slope: float
    noise: float

    @property
    def learnt(self) -> bool:
        """It says how the tastes of people were found to differ on this model's embedding."""
        return self.sha256 is not None

    def see(self, embeddings: Embeddings, agreement: Floats) -> Seen:
        """Look at N photos.

        Args:
            embeddings: (N, C).
            agreement: (N,) standardised general scores.

        Raises:
            ValueError: the embeddings are of another length than this prior's, or not finite.
        """
        wide = np.asarray(embeddings, np.float64)
        if wide.ndim != 2 or wide.shape[1] != len(self.mean):
            raise ValueError(f"embeddings of shape {wide.shape}, expected (photos, {len(self.mean)})")
        if not np.isfinite(wide).all():
            raise ValueError("an embedding that is not a number")
        if self.root is not None:
            wide = np.where(self.root, np.sqrt(np.maximum(wide, 0) + _ROOT_OFFSET), wide)
        points = (wide - self.mean) * self.scale
        inside = points if self.directions is None else points @ self.directions.T
        lengths = np.einsum("nc,nc->n", points, points)
        near = likeness(inside, lengths, self.centres, self.centre_lengths)
        return Seen(inside=inside, lengths=lengths, loadings=near @ self.weights, agreement=agreement)

    def covariance(self, one: Seen, other: Seen) -> Floats:
        """(N, M) covariance of the tastes for N and M photos."""
        smooth = self.amplitude * likeness(one.inside, one.lengths, other.inside, other.lengths)
        agreed = self.slope_variance * np.outer(one.agreement, other.agreement)
        return np.asarray(smooth + agreed + one.loadings @ other.loadings.T, np.float64)

    def variance(self, seen: Seen) -> Floats:
        """(N,) the diagonal of `covariance(seen, seen)`, without the rest."""
        left_out = np.maximum(seen.lengths - np.einsum("nd,nd->n", seen.inside, seen.inside), 0)
        agreed = self.slope_variance * seen.agreement**2
        return np.asarray(
            self.amplitude * np.exp(-2 * left_out) + agreed + np.einsum("nk,nk->n", seen.loadings, seen.loadings),
            np.float64,
        )


def likeness(one: Floats, lengths: Floats, other: Floats, other_lengths: Floats) -> Floats:
    """(N, M) exp(-|x - x'|^2), with inner products taken in the given coordinates only.

    It stays a covariance whatever they leave out, and two photos are not taken for more alike than they are.
    """
    apart = lengths[:, None] + other_lengths[None] - 2 * one @ other.T
    return np.asarray(np.exp(-np.maximum(apart, 0)), np.float64)


def plain_prior(embeddings: Embeddings) -> TastePrior:
    """A prior for a model on which no taste was learnt: photos that look alike to it are liked alike, and no more.

    Args:
        embeddings: (M, C) of the person's own photos; they say which distances are large.
    """
    wide = np.asarray(embeddings, np.float64)
    channels = wide.shape[1]
    mean = wide.mean(axis=0) if len(wide) else np.zeros(channels)
    # The mean squared distance of two photos is twice the sum of the variances.
    spread = 2 * float(((wide - mean) ** 2).sum()) / max(len(wide), 1)
    return TastePrior(
        sha256=None,
        mean=mean,
        scale=np.full(channels, 1 / max(spread, _SMALLEST) ** 0.5),
        root=None,
        directions=None,
        centres=np.zeros((0, channels)),
        centre_lengths=np.zeros(0),
        weights=np.zeros((0, 0)),
        amplitude=_PLAIN_AMPLITUDE,
        slope_variance=_PLAIN_SLOPE_VARIANCE,
        slope=_PLAIN_SLOPE,
        noise=PLAIN_NOISE,
    )


def learnt_prior(model_sha256: str) -> TastePrior | None:
    """The prior that was learnt on the embedding of this model; None for any model but the embedded one.

    Raises:
        ModelRefused: the file of the installation is damaged.
    """
    found = _shipped.prior
    return found if found.sha256 == model_sha256 else None


class _Shipped:
    """The file of the package, read when it is first needed."""

    _lock = threading.Lock()

    @cached_property
    def _read(self) -> TastePrior:
        return read_prior((files("popscore.personal") / "models" / FILE).read_bytes())

    @property
    def prior(self) -> TastePrior:
        with self._lock:
            return self._read


_shipped = _Shipped()


def read_prior(content: bytes) -> TastePrior:
    """A prior from the bytes of its file.

    Raises:
        ModelRefused: they are no such file.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            wide = {name: np.asarray(file[name], np.float64) for name in _ARRAYS}
            numbers = np.asarray(file["numbers"], np.float64).tolist()
            sha256, root = str(file["sha256"]), np.asarray(file["root"], np.bool_)
        amplitude, slope_variance, slope, noise = numbers
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelRefused(f"{FILE} is damaged ({error}). Install popscore again.") from error
    return TastePrior(
        **wide, sha256=sha256, root=root,
        amplitude=amplitude, slope_variance=slope_variance, slope=slope, noise=noise,
    )  # fmt: skip


def prior_bytes(prior: TastePrior) -> bytes:
    """The file of a learnt prior: no date, no name in it, so equal priors give equal bytes."""
    stream = BytesIO()
    half = {name: np.asarray(getattr(prior, name), np.float16) for name in ("directions", "centres")}
    single = {name: np.asarray(getattr(prior, name), np.float32) for name in _ARRAYS if name not in half}
    numbers = np.array([prior.amplitude, prior.slope_variance, prior.slope, prior.noise])
    np.savez_compressed(
        stream, allow_pickle=False, **half, **single, root=np.asarray(prior.root, np.bool_), numbers=numbers,
        sha256=np.array(prior.sha256),
    )  # fmt: skip
    return stream.getvalue()


_ARRAYS = ("mean", "scale", "directions", "centres", "centre_lengths", "weights")
