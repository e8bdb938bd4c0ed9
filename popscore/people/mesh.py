"""A closer look at one face: is it one, and where are its 468 points?

Source: Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs"
(arXiv 1907.06724); the cut and its constants as in MediaPipe 0.10.21, mediapipe/modules/face_landmark.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from popscore.people.blazeface import POINTS, Floats
from popscore.people.networks import network

SIDE = 192
_MARGIN = 1.5  # side of the cut in sides of the box
_RIGHT_EYE, _LEFT_EYE = POINTS.index("right_eye"), POINTS.index("left_eye")


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """A square cut of a picture, turned so that the eyes are level.

    Attributes:
        pixels: side x side.
        matrix: (2, 3) from the cut's pixels to the picture's.
    """

    pixels: Image.Image
    matrix: Floats

    def to_picture(self, points: Floats) -> Floats:
        """(P, 2) points of the cut, in pixels of the picture."""
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2], np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """What the closer look says.

    Attributes:
        certainty: that the cut shows a face, 0 to 1.
        points: (468, 3) x and y in pixels of the picture, z in the same unit, towards the camera negative.
        cut: the cut that was looked at.
    """

    certainty: float
    points: Floats
    cut: Cut


def look(pixels: Image.Image, box: Floats, landmarks: Floats) -> Mesh:
    """Look closer at one face.

    Args:
        pixels: mode RGB.
        box: (4,) left, top, right, bottom.
        landmarks: (6, 2) in the order of `POINTS`.

    Raises:
        ScoringFailed: the network stopped.
    """
    part = face_cut(pixels, box, landmarks, side=SIDE)
    given = np.asarray(part.pixels, np.float32).transpose(2, 0, 1)[None] / 255
    answer = network("face_mesh").run({"input": given})
    points = answer["points"].reshape(-1, 3)
    scale = float(np.hypot(*part.matrix[:, 0]))
    placed = np.concatenate([part.to_picture(points[:, :2]), points[:, 2:] * scale], axis=1)
    certainty = 1 / (1 + math.exp(-float(np.clip(answer["logit"][0, 0], -50, 50))))
    return Mesh(certainty=certainty, points=placed, cut=part)


def face_cut(pixels: Image.Image, box: Floats, landmarks: Floats, *, side: int) -> Cut:
    """The square around a face, with some margin, turned so that the eyes are level; black beyond the border."""
    across = landmarks[_LEFT_EYE] - landmarks[_RIGHT_EYE]
    centre = (box[:2] + box[2:]) / 2
    return turned_square(
        pixels,
        centre=(float(centre[0]), float(centre[1])),
        length=float(max(box[2] - box[0], box[3] - box[1])) * _MARGIN,
        angle=math.atan2(float(across[1]), float(across[0])),
        side=side,
    )


def turned_square(
    pixels: Image.Image, *, centre: tuple[float, float], length: float, angle: float, side: int, mirrored: bool = False
) -> Cut:
    """A turned square of a picture as a picture of its own.

    Args:
        pixels: mode RGB.
        centre: of the square, in pixels of the picture.
        length: of its sides, in pixels of the picture.
        angle: by which its upper side is turned, in radians, clockwise.
        side: of the result in pixels.
        mirrored: left becomes right.
    """
    step = max(length, 1.0) / side
    along = np.array([math.cos(angle), math.sin(angle)]) * step
    down = np.array([-along[1], along[0]])
    if mirrored:
        along = -along
    start = np.array(centre) - (along + down) * side / 2
    matrix = np.stack([along, down, start], axis=1)
    # A much larger face is made smaller first, by whole numbers: one sample per pixel of the result would be noise.
    factor = int(step)
    source = pixels
    given = matrix
    if factor > 1:
        edges = np.array([start, start + along * side, start + down * side, start + (along + down) * side])
        left, top = np.maximum(np.floor(edges.min(axis=0)).astype(int), 0)
        right, bottom = np.minimum(np.ceil(edges.max(axis=0)).astype(int), pixels.size)
        if right > left and bottom > top:
            source = pixels.reduce(factor, (left, top, right, bottom))
            given = np.concatenate([matrix[:, :2], (start - (left, top))[:, None]], axis=1) / factor
    part = source.transform((side, side), Image.Transform.AFFINE, given.ravel().tolist(), Image.Resampling.BILINEAR)
    return Cut(pixels=part, matrix=matrix.astype(np.float32))
