"""Learning, epoch by epoch, with a checkpoint after each: a run that was killed goes on as if it had not been."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from popscore.training import checkpoint
from popscore.training.checkpoint import CHECKPOINT
from popscore.training.selfie.dataset import DatasetRefused
from popscore.training.selfie.networks import as_tensor, log_odds
from popscore.training.selfie.pictures import Pictures

LEARNING_RATE = 1e-3  # of Adam; the seed names none, and this is the usual one
HEAD_WEIGHT_DECAY = 1e-2  # a linear layer on thousands of numbers learns a small set by heart without it

Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one pass over the training selfies led to; losses are mean cross entropies in nats."""

    train_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The end of it.

    Attributes:
        network: in torch, with the weights of the best epoch: the one of the lowest validation loss.
        history: of all epochs.
        best: number of the best epoch, from 0.
    """

    network: Any
    history: list[Epoch]
    best: int


def learn(
    network: Any,
    pictures: Pictures,
    labels: NDArray[np.bool_],
    *,
    train: Indices,
    validation: Indices,
    run: Path,
    epochs: int,
    batch: int,
    seed: int,
    weight_decay: float = 0.0,
    told: Callable[[int, Epoch], None] | None = None,
) -> Learned:
    """Train until so many epochs are done, counted over all runs in this folder.

    What is drawn at random in an epoch depends on the seed and the number of the epoch alone.

    Args:
        network: with its first weights; it is changed.
        labels: (N,) which selfies are popular.
        train, validation: indices of selfies.
        run: folder of the checkpoint.
        told: is told after each epoch.

    Raises:
        RunRefused: the checkpoint cannot be used.
        DatasetRefused: the loss is no number.
        ExportFailed: it cannot be written.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, weight_decay=weight_decay)
    history, best, best_state = _resumed(run / CHECKPOINT, network, optimizer)
    truth = torch.from_numpy(labels.astype(np.int64))
    for epoch in range(len(history), epochs):
        random = np.random.default_rng([seed, epoch])
        torch.manual_seed(int(random.integers(2**31)))  # of the dropout
        total = 0.0
        network.train()
        for chosen in _batches(random.permutation(train), batch):
            inputs = pictures.inputs(chosen)
            if inputs.ndim == 4:  # half of them mirrored, the only change that a selfie camera makes too
                mirrored = random.random(len(inputs)) < 0.5
                inputs[mirrored] = inputs[mirrored, :, ::-1]
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(as_tensor(inputs)), truth[chosen])
            loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
        found = torch.from_numpy(scores(network, pictures, validation))
        wanted = truth[validation].double()
        held = float(torch.nn.functional.binary_cross_entropy_with_logits(found, wanted))
        right = float(((found > 0) == (wanted > 0)).double().mean())
        history.append(Epoch(train_loss=total / len(train), validation_loss=held, validation_accuracy=right))
        if not math.isfinite(total) or not math.isfinite(held):
            raise DatasetRefused(
                f"Training broke down in epoch {epoch + 1}: the loss is no number. Try another --seed."
            )
        if best_state is None or held < history[best].validation_loss:
            best, best_state = epoch, copy.deepcopy(network.state_dict())
        _keep(run / CHECKPOINT, network, optimizer, history, best, best_state)
        if told:
            told(epoch, history[-1])
    network.load_state_dict(best_state)
    network.eval()
    return Learned(network=network, history=history, best=best)


def scores(network: Any, pictures: Pictures, chosen: Indices, *, batch: int = 64) -> NDArray[np.float64]:
    """(n,) log odds of some selfies; the network is left in the state for scoring."""
    network.eval()
    with torch.no_grad():
        parts = [
            log_odds(network(as_tensor(pictures.inputs(part)))).double().numpy() for part in _batches(chosen, batch)
        ]
    return np.concatenate(parts)


def _batches(chosen: Indices, batch: int) -> list[Indices]:
    """Parts of about the same size; none of one alone, which batch normalisation does not take."""
    return np.array_split(chosen, max(1, len(chosen) // max(2, batch)))


def _keep(path: Path, network: Any, optimizer: Any, history: list[Epoch], best: int, best_state: Any) -> None:
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [[one.train_loss, one.validation_loss, one.validation_accuracy] for one in history],
        "best": best,
        "best_state": best_state,
    }
    checkpoint.keep(path, state)


def _resumed(path: Path, network: Any, optimizer: Any) -> tuple[list[Epoch], int, Any]:
    """The state after the last epoch that was kept, put into network and optimizer."""
    if not path.exists():
        return [], 0, None
    with checkpoint.kept(path) as state:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        history = [
            Epoch(train_loss=one, validation_loss=other, validation_accuracy=third)
            for one, other, third in state["history"]
        ]
        return history, int(state["best"]), state["best_state"]
