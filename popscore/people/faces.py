"""Where the faces are in a picture. Says nothing about whose they are."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from popscore.cpus import usable_cpus
from popscore.people.blazeface import (
    FULL_RANGE,
    POINTS,
    SHORT_RANGE,
    Detector,
    Floats,
    Found,
    decode,
    is_new,
    joined,
    reduced,
    to_input,
)
from popscore.people.mesh import Mesh, look
from popscore.people.networks import Name, network

Box = tuple[int, int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Look:
    """A network that looks at the whole picture, and what of its answers may be a face.

    Attributes:
        threshold: confidence from which on.
        smallest: side of the box from which on, as a share of the picture's longer side.
    """

    name: Name
    detector: Detector
    threshold: float
    smallest: float


# The second network finds the faces that fill the picture, which the first does not know; about smaller ones it errs
# more. Alone, the first takes something for a face in 29 of the 412 photos of OASIS without people (from .4 on), the
# second in 79 (from .5 on): hence the closer look.
LOOKS = (
    Look(name="small_face_detector", detector=FULL_RANGE, threshold=0.4, smallest=0.0),
    Look(name="face_detector", detector=SHORT_RANGE, threshold=0.7, smallest=0.4),
)
_WHOLE_PX = 768  # longer side that is enough for a look at the whole picture
CERTAINTY = 0.5
"""Of the closer look, from which on something is a face."""
SURE_ALONE = 0.7
"""Confidence of the first network from which on it needs no closer look, which does not know faces from the side, under
masks or behind hair. Of the photos of OASIS without people none more is taken for one with a face by that."""
MOST_LOOKS = 200
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
    return faces_of(confirmed(rgb, candidates(rgb))[0], rgb.size)


def candidates(
    pixels: Image.Image,
    *,
    looks: Sequence[Look] = LOOKS,
    pool: ThreadPoolExecutor | None = None,
) -> Found:
    """Whatever may be a face, from one look at the whole picture by each network, surest first.

    Args:
        pixels: mode RGB.
        looks: the networks, and what of their answers counts.
        pool: lets the networks look at the same time.
    """
    small, factor = reduced(pixels, _WHOLE_PX)

    def seen(wanted: Look) -> Found:
        return ask(small, wanted).found(wanted.threshold)

    return joined(list(pool.map(seen, looks) if pool else map(seen, looks))).enlarged(factor)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a network says about a picture, not yet judged: numbers as `blazeface.decode` takes them."""

    look: Look
    values: Floats
    logits: Floats
    scale: float
    corner: tuple[int, int]
    longer_side: int

    def found(self, threshold: float) -> Found:
        """What may be a face with this confidence, in pixels of the picture."""
        seen = decode(
            self.look.detector, self.values, self.logits, threshold=threshold, scale=self.scale, corner=self.corner
        )
        sides = (seen.boxes[:, 2:] - seen.boxes[:, :2]).max(axis=1)
        return seen.only(np.flatnonzero(sides >= self.look.smallest * self.longer_side))


def ask(pixels: Image.Image, wanted: Look) -> Answer:
    """Let a network look at a picture of mode RGB."""
    given, scale, corner = to_input(pixels, wanted.detector.side)
    answer = network(wanted.name).run({"input": given})
    return Answer(
        look=wanted,
        values=answer["boxes"][0],
        logits=answer["logits"][0, :, 0],
        scale=scale,
        corner=corner,
        longer_side=max(pixels.size),
    )


def confirmed(
    pixels: Image.Image, found: Found, *, alone: float = SURE_ALONE, pool: ThreadPoolExecutor | None = None
) -> tuple[Found, list[Mesh]]:
    """Those that still look like a face from near, each face once, and what was seen from near.

    Args:
        pixels: mode RGB.
        found: what may be a face, surest first.
        alone: confidence that is enough without a closer look, of what is too small to come from the second network.
        pool: looks at some at the same time.
    """
    most = max(wanted.smallest for wanted in LOOKS) * max(pixels.size)
    kept: list[int] = []
    meshes = []
    left = list(range(min(len(found.confidences), MOST_LOOKS)))
    at_once = usable_cpus() if pool else 1

    def closer(index: int) -> Mesh:
        return look(pixels, found.boxes[index], found.points[index])

    while left:
        # Only what is new beside what was kept, and beside what is looked at now, which may be the same face.
        left = [index for index in left if is_new(found.boxes[index], found.boxes[kept])]
        now: list[int] = []
        for index in left:
            if len(now) < at_once and is_new(found.boxes[index], found.boxes[now]):
                now.append(index)
        left = [index for index in left if index not in now]
        for index, mesh in zip(now, pool.map(closer, now) if pool else map(closer, now), strict=True):
            box = found.boxes[index]
            surely = found.confidences[index] >= alone and (box[2:] - box[:2]).max() < most
            if surely or mesh.certainty >= CERTAINTY:
                kept.append(index)
                meshes.append(mesh)
    return found.only(np.array(kept, np.intp)), meshes


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
