"""Where the faces are in a picture. Says nothing about whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from popscore.people.blazeface import (
    FULL_RANGE,
    POINTS,
    SHORT_RANGE,
    Detector,
    Found,
    decode,
    distinct,
    joined,
    to_input,
)
from popscore.people.mesh import look
from popscore.people.networks import Name, network

Box = tuple[int, int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class _Look:
    """A network that looks at the whole picture, and what of its answers may be a face.

    Attributes:
        threshold: confidence from which on.
        smallest: side of the box from which on, as a share of the picture's longer side.
    """

    name: Name
    detector: Detector
    threshold: float
    smallest: float


# Chosen on OASIS together with CERTAINTY: in 91 of its 182 photos of people a face is found (in most of the others they
# stand far away, turn their backs or hide their faces), and in 8 of the 412 of other things: two do show a person, five
# a dog, one a figure on a cake. Without the closer look the first network takes something for a face in 29 of the 412
# (from .4 on), the second in 79 (from .5 on). The second one finds the faces that fill the picture, which the first does
# not know; about smaller ones it errs more.
_LOOKS = (
    _Look(name="small_face_detector", detector=FULL_RANGE, threshold=0.4, smallest=0.0),
    _Look(name="face_detector", detector=SHORT_RANGE, threshold=0.7, smallest=0.4),
)
CERTAINTY = 0.5
"""Of the closer look, from which on something is a face."""
MOST_FACES = 100
"""Of what may be a face, the surest that are looked at from near, at 3 ms each."""


@dataclass(frozen=True, kw_only=True)
class Face:
    """A face, in pixels of the picture it was found in.

    Attributes:
        box: left, top, right, bottom, within the picture: forehead to chin, without hair and ears.
        confidence: of the network that this is a face, 0 to 1.
        landmarks: x, y by name: `right_eye`, `left_eye`, `nose`, `mouth`, `right_ear`, `left_ear`; right and left are
            the person's own. They may lie beyond the border of the picture.
    """

    box: Box
    confidence: float
    landmarks: Mapping[str, Point]

    @property
    def width(self) -> int:
        """Of the box, in pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """Of the box, in pixels."""
        return self.box[3] - self.box[1]


def detect(pixels: Image.Image) -> list[Face]:
    """The faces of a picture, largest first.

    The whole picture is looked at twice, by a network for large and one for smaller faces, and whatever may be a face
    once more from near. A face is found from about a twentieth of the longer side on.

    Args:
        pixels: upright, at any size; 300 pixels are enough.

    Raises:
        ModelRefused: a network's file is damaged.
        ScoringFailed: a network stopped.
    """
    rgb = pixels if pixels.mode == "RGB" else pixels.convert("RGB")
    return faces_of(confirmed(rgb, candidates(rgb)), rgb.size)


def candidates(pixels: Image.Image) -> Found:
    """Whatever may be a face, from one look at the whole picture by each network."""
    found = []
    for wanted in _LOOKS:
        given, scale, corner = to_input(pixels, wanted.detector.side)
        answer = network(wanted.name).run({"input": given})
        seen = decode(
            wanted.detector,
            answer["boxes"][0],
            answer["logits"][0, :, 0],
            threshold=wanted.threshold,
            scale=scale,
            corner=corner,
        )
        sides = (seen.boxes[:, 2:] - seen.boxes[:, :2]).max(axis=1)
        found.append(seen.only(np.flatnonzero(sides >= wanted.smallest * max(pixels.size))))
    return joined(found)


def confirmed(pixels: Image.Image, found: Found) -> Found:
    """Those that still look like a face from near; of two that are the same face, the surer one."""
    surest = found.first(MOST_FACES)
    seen = [
        look(pixels, box, points).certainty >= CERTAINTY
        for box, points in zip(surest.boxes, surest.points, strict=True)
    ]
    return distinct(surest.only(np.flatnonzero(seen)))


def faces_of(found: Found, size: tuple[int, int]) -> list[Face]:
    """What was found, as faces, largest first; what lies outside of the picture is left out."""
    faces = []
    limits = np.array([*size, *size])
    for box, points, confidence in zip(found.boxes, found.points, found.confidences, strict=True):
        left, top, right, bottom = (int(edge) for edge in np.clip(np.rint(box), 0, limits))
        if right > left and bottom > top:
            landmarks = {name: (float(x), float(y)) for name, (x, y) in zip(POINTS, points, strict=True)}
            faces.append(Face(box=(left, top, right, bottom), confidence=float(confidence), landmarks=landmarks))
    return sorted(faces, key=lambda face: (-face.width * face.height, face.box))
