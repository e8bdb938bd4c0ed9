"""One process, or several that torchrun started: each does its part of every step, and all have the same weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from popscore.cpus import usable_cpus
from popscore.training.run_folder import RunRefused

_PATIENCE = timedelta(days=7)  # the first one may read photos for long while the others wait


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Which of how many this one is.

    Attributes:
        rank: from 0.
        world: how many there are.
        device: of this one.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """This one writes the files."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all are here."""
        if self.world > 1:
            distributed.barrier()

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first one does something; then the others do it, and find what it has written."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of what all have."""
        if self.world == 1:
            return values
        found = torch.from_numpy(values).to(self.device)
        distributed.all_reduce(found)
        return np.asarray(found.cpu().numpy(), np.float64)

    def shared(self, network: Any) -> Any:
        """The network with gradients that are means over all processes."""
        if self.world == 1:
            return network
        ids = [self.device.index] if self.device.type == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(network, device_ids=ids)


@contextmanager
def processes(device: str = "auto") -> Iterator[Processes]:
    """Join the others, if there are any.

    Args:
        device: `cpu`, `cuda`, or `auto` for a GPU where there is one.

    Raises:
        RunRefused: there is no GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise RunRefused("There is no GPU that torch can use. Leave out --device.")
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    on_gpu = device != "cpu" and torch.cuda.is_available()
    place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else torch.device("cpu")
    if not on_gpu:
        # Threads beyond the CPUs of a container wait for each other; OMP_NUM_THREADS may ask for fewer.
        torch.set_num_threads(max(1, min(torch.get_num_threads(), usable_cpus() // world)))
    if world > 1:
        distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(rank=rank, world=world, device=place)
    finally:
        if world > 1:
            distributed.destroy_process_group()
