"""How a head is turned, from the points of its face."""

from dataclasses import dataclass

import numpy as np

from popscore.people.blazeface import Floats

AWAY_FROM_DEGREES = 30.0
"""A head turned further to a side looks past the camera. Set by looking at the faces of OASIS in order of their yaw."""
LEVEL_PITCH_DEGREES = 11.0
"""Pitch that the mesh gives for a level face: its forehead lies before its chin. Median of the faces of OASIS
that look at the camera."""

# Points of the mesh: the sides of the face before the ears, the top of the forehead, the chin, the outer eye corners.
_RIGHT_SIDE, _LEFT_SIDE, _TOP, _CHIN, _RIGHT_CORNER, _LEFT_CORNER = 234, 454, 10, 152, 33, 263


@dataclass(frozen=True, kw_only=True)
class Turned:
    """Where a head looks, in degrees, seen from the camera. Good to some 10 degrees.

    Attributes:
        yaw: to the right in the picture positive, 0 towards the camera.
        pitch: downwards positive.
        roll: of the line of the eyes, clockwise positive.
    """

    yaw: float
    pitch: float
    roll: float

    @property
    def away(self) -> bool:
        """The head is turned away to a side, so far that the face looks past the camera."""
        return abs(self.yaw) > AWAY_FROM_DEGREES


def turned(points: Floats) -> Turned:
    """How a head is turned.

    Args:
        points: (468, 3), see `mesh.Mesh`.
    """
    across = points[_LEFT_SIDE] - points[_RIGHT_SIDE]
    down = points[_CHIN] - points[_TOP]
    eyes = points[_LEFT_CORNER] - points[_RIGHT_CORNER]
    return Turned(
        yaw=_degrees(across[2], np.hypot(across[0], across[1])),
        pitch=_degrees(down[2], np.hypot(down[0], down[1])) - LEVEL_PITCH_DEGREES,
        roll=_degrees(eyes[1], eyes[0]),
    )


def _degrees(opposite: float, adjacent: float) -> float:
    return float(np.degrees(np.arctan2(opposite, adjacent)))
