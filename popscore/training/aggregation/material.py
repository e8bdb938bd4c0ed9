"""People and their photos, as the transformer takes them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from popscore.training.aggregation.histories import cosines
from popscore.training.aggregation.photos import Projection, SeenPhotos, fit_projection
from popscore.training.aggregation.train import Material, Recipe
from popscore.training.taste.people import Floats, People

TASTE_DIRECTIONS = 12
"""Principal components of what the model sees, in which the simulator's tastes are linear."""


def material_of(
    people: People, seen: SeenPhotos, general: Floats, photos: NDArray[np.intp], recipe: Recipe
) -> tuple[Material, Projection]:
    """What is known of the photos of oasis.

    Args:
        people: the embeddings, and the scale of the scores.
        seen: maps, and depth-masked features if there are any.
        general: (N,) general scores by models that did not see the photos.
        photos: (n,) that are learnt from: the projection is fitted to them alone.
        recipe: says how many channels are kept.
    """
    projection = fit_projection(seen, photos, recipe.directions)
    embeddings = people.embeddings[: people.count]
    material = Material(
        maps=torch.from_numpy(projection(seen.maps)),
        depth=None if seen.depth is None else torch.from_numpy(projection(seen.depth)),
        general=(general - people.reference_mean) / people.reference_std,
        likeness=cosines(embeddings),
        points=np.asarray(projection(embeddings.astype(np.float16))[:, :TASTE_DIRECTIONS], np.float64),
    )
    return material, projection
