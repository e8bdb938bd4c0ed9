"""The prior of tastes that ships: it belongs to the embedded model, and its file is read with care."""

import io

import numpy as np
import pytest

from popscore.errors import ModelRefused
from popscore.models import load_model
from popscore.personal.taste import learn_from_ratings
from popscore.personal.taste_prior import TastePrior, learnt_prior, plain_prior, prior_bytes, read_prior
from popscore.settings import Settings


@pytest.fixture(scope="module")
def prior() -> TastePrior:
    found = learnt_prior(load_model(Settings()).info.sha256)
    assert found is not None
    return found


def embeddings(count: int, prior: TastePrior, *, seed: int = 0) -> np.ndarray:
    """Such as the model gives: not below 0 where they come out of a ReLU."""
    assert prior.root is not None
    rng = np.random.default_rng(seed)
    usual = np.where(prior.root, prior.mean**2, prior.mean)
    made = usual + rng.normal(size=(count, len(usual))) * 0.3 * np.abs(usual)
    return np.where(prior.root, np.maximum(made, 0), made).astype(np.float32)


def test_it_is_of_the_embedded_model_and_of_no_other(prior: TastePrior) -> None:
    assert prior.learnt
    assert learnt_prior("0" * 64) is None
    assert not plain_prior(np.zeros((3, 5))).learnt


def test_its_bytes_are_its_own(prior: TastePrior) -> None:
    again = read_prior(prior_bytes(prior))
    assert prior_bytes(again) == prior_bytes(prior)
    assert again.sha256 == prior.sha256
    np.testing.assert_array_equal(again.weights, prior.weights)


def test_covariances_are_covariances(prior: TastePrior) -> None:
    seen = prior.see(embeddings(40, prior), np.random.default_rng(1).normal(size=40))
    covariance = prior.covariance(seen, seen)
    np.testing.assert_allclose(covariance, covariance.T)
    np.testing.assert_allclose(np.diag(covariance), prior.variance(seen))
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    assert 0.1 < np.diag(covariance).mean() < 1  # of a rating's variance, which is 1


def test_some_of_the_photos(prior: TastePrior) -> None:
    seen = prior.see(embeddings(6, prior), np.zeros(6))
    some = np.array([4, 1])
    np.testing.assert_array_equal(prior.covariance(seen.at(some), seen), prior.covariance(seen, seen)[some])


def test_a_photo_that_was_rated_high_rises_and_the_score_scale_stays(prior: TastePrior) -> None:
    past, general = embeddings(30, prior), np.full(30, 2.96)
    ratings = np.arange(30.0)
    taste = learn_from_ratings(past, general, ratings, reference_mean=2.96, reference_std=1.55, prior=prior)
    found = taste.predict(past, general)
    assert found.scores[-5:].mean() > found.scores[:5].mean()
    assert np.abs(found.scores - 2.96).max() < 4 * 1.55
    assert ((found.support > 0) & (found.support < 1)).all()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive at all"], ids=["empty", "cut", "text"])
def test_a_damaged_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelRefused, match="damaged"):
        read_prior(content)


def test_nothing_in_it_is_unpickled() -> None:
    stream = io.BytesIO()
    np.savez(stream, mean=np.array([print], dtype=object))
    with pytest.raises(ModelRefused, match="damaged"):
        read_prior(stream.getvalue())


def test_embeddings_of_another_length_are_refused(prior: TastePrior) -> None:
    with pytest.raises(ValueError, match="expected"):
        prior.see(np.zeros((2, 7)), np.zeros(2))
