"""Train the aggregation transformer on people's posts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from popscore.training.aggregation.histories import (
    Floats,
    History,
    Indices,
    Lesson,
    lesson,
    simulated,
    telling_pairs,
    user_features,
)
from popscore.training.aggregation.network import Aggregation, Shape, ratio_loss

_WARM_UP = 20  # steps in which the rate rises


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How it is trained. Chosen on people who are not among those that are reported, see LOG.md.

    Attributes:
        epochs: rounds in which each person is asked about once.
        people: lessons in a step. The paper has 12 pairs in one; 12 photos of one person make up to 66.
        questions: photos that each is asked about.
        rate, decay: of AdamW; decay as in the paper.
        simulated: made-up people for each one that there is, in each round.
        directions: channels that the map is brought to.
        seed: of everything that is drawn.
    """

    epochs: int = 6
    people: int = 6
    questions: int = 12
    rate: float = 1e-3
    decay: float = 1e-2
    simulated: float = 0.5
    directions: int = 128
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What is known of N photos.

    Attributes:
        maps: (N, positions, d) as the network takes them.
        depth: (N, 5, d); None where there are none.
        general: (N,) standardised general scores.
        likeness: (N, N) psi of any two.
        points: (N, k) what the simulator draws tastes on.
    """

    maps: Tensor
    depth: Tensor | None
    general: Floats
    likeness: Floats
    points: NDArray[np.float64]


def train(
    material: Material,
    histories: Sequence[History],
    photos: Indices,
    shape: Shape,
    recipe: Recipe,
    *,
    on_epoch: Callable[[int, float, Aggregation], None] | None = None,
) -> Aggregation:
    """Train a network.

    Args:
        material: the photos.
        histories: the people that it is trained on, posts of `photos` alone.
        photos: (n,) that may be looked at.
        shape, recipe: of the network, and of the training.
        on_epoch: called after each round with its number, the mean loss of a pair and the network.
    """
    rng = np.random.default_rng(recipe.seed)
    torch.manual_seed(recipe.seed)
    network = Aggregation(shape)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    # The same whatever the number of rounds, so that a look after a few is what a training of as few gives.
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / _WARM_UP))
    for epoch in range(1, recipe.epochs + 1):
        network.train()
        made_up = [
            simulated(material.points, material.general, photos, 150, rng)
            for _ in range(int(len(histories) * recipe.simulated))
        ]
        everybody: list[History] = [*histories, *made_up]
        order = rng.permutation(len(everybody)).tolist()
        losses = []
        for start in range(0, len(order), recipe.people):
            drawn = (
                lesson(
                    everybody[person], material.likeness, questions=recipe.questions,
                    neighbours=shape.neighbours, rng=rng,
                )
                for person in order[start : start + recipe.people]
            )  # fmt: skip
            lessons = [one for one in drawn if one is not None]
            if not lessons:
                continue
            loss = _loss(network, material, lessons)
            if loss is None:
                continue
            optimiser.zero_grad()
            loss.backward()
            # One pair whose likes are a hundred to one has a loss of ten thousand.
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        if on_epoch:
            on_epoch(epoch, float(np.mean(losses)) if losses else float("nan"), network)
    network.eval()
    return network


def _loss(network: Aggregation, material: Material, lessons: Sequence[Lesson]) -> Tensor | None:
    first, second = telling_pairs(lessons)
    if not len(first):
        return None
    photos = np.concatenate([one.photos for one in lessons])
    user = np.concatenate([one.user for one in lessons])
    likes = torch.from_numpy(np.concatenate([one.likes for one in lessons])).float()
    scores = _scores(network, material, photos, user)
    a, b = torch.from_numpy(first), torch.from_numpy(second)
    return ratio_loss(scores[a], scores[b], likes[a], likes[b]).mean()


def _scores(network: Aggregation, material: Material, photos: Indices, user: Floats) -> Tensor:
    once, places = np.unique(photos, return_inverse=True)
    chosen = torch.from_numpy(once)
    found: Tensor = network(
        material.maps[chosen],
        torch.from_numpy(places),
        torch.from_numpy(user).float(),
        torch.from_numpy(material.general[photos]).float(),
        None if material.depth is None or not network.shape.depth else material.depth[chosen],
    )
    return found


def predict(network: Aggregation, material: Material, past: History, asked: Indices) -> Floats:
    """(Q,) logarithms of the scores of photos for a person with these posts."""
    user = user_features(material.likeness, past, asked, network.shape.neighbours)
    network.eval()
    with torch.no_grad():
        return np.asarray(_scores(network, material, asked, user).log().numpy(), np.float64)
