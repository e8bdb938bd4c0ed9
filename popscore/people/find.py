"""Every face on a photo, small ones too, with what can be seen of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from popscore.models.spec import Json
from popscore.people.blazeface import Found, is_new, joined
from popscore.people.expressions import expressions
from popscore.people.eyes import Eye, eyes
from popscore.people.faces import LOOKS, Face, ask, candidates, confirmed, faces_of
from popscore.people.mesh import Mesh
from popscore.people.sharpness import sharpness
from popscore.people.turning import Turned, turned
from popscore.photos.decode import Photo, read_photo
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource, named

NETWORKS: Json = {
    "name": "MediaPipe 0.10.21 face detection, face mesh and iris; fer 22.5.1 expressions",
    "kind": "faces",
    "source": "embedded",
    "revision": None,
    "sha256": None,
    "notice": None,
}
"""What stands for the model in answers about faces: several networks, all of them in the package."""
SMALLEST_TILE_PX = 192
"""Parts of the photo are looked at as long as they have at least so many pixels: the network sees no more."""
_BORDER = 0.02  # what comes so near to the inner border of a tile, in its sides, is cut by it
_LEVELS = 2
_MOST_TILES = 400  # at 5 ms each; only a strip has more
# A finer set of tiles follows where faces are smaller than this share of a tile: the network misses most below a tenth.
_SMALL = 0.15
# In a tile, which is a closer look already, only what the network is rather sure of. What it is less sure of is looked
# at from near, the likeliest three, to know whether a finer set is worth its time.
_SURE, _UNSURE, _UNSURE_LOOKS = 0.5, 0.1, 3
_NEVER = 2.0  # no confidence is enough without a closer look


@dataclass(frozen=True, kw_only=True)
class SeenFace(Face):
    """A face and what can be seen of it.

    Attributes:
        size: share of the photo's area that its box takes.
        sharpness: see `sharpness.sharpness`; comparable between shots of the same face only.
        turned: where the head looks.
        eyes: `right` and `left`, the person's own.
        expressions: probability of each of the seven, see `expressions`.
    """

    size: float
    sharpness: float
    turned: Turned
    eyes: Mapping[str, Eye]
    expressions: Mapping[str, float]

    @property
    def expression(self) -> str:
        """The likeliest of the seven."""
        return max(self.expressions, key=lambda name: self.expressions[name])

    def to_json(self) -> Json:
        """The face in the document of every door."""
        return {
            "box": list(self.box),
            "confidence": round(self.confidence, 4),
            "landmarks": {name: [round(x, 1), round(y, 1)] for name, (x, y) in self.landmarks.items()},
            "size": round(self.size, 6),
            "sharpness": round(self.sharpness, 3),
            "turned": {
                "yaw": round(self.turned.yaw, 1),
                "pitch": round(self.turned.pitch, 1),
                "roll": round(self.turned.roll, 1),
                "away": self.turned.away,
            },
            "eyes": {side: self.eyes[side].state for side in ("left", "right")},
            "expressions": {name: round(value, 4) for name, value in self.expressions.items()},
        }


@dataclass(frozen=True, kw_only=True)
class PhotoFaces:
    """The faces of one photo.

    Attributes:
        file: what the photo is called.
        width, height: of the upright photo, in whose pixels the boxes are.
        faces: largest first.
    """

    file: str
    width: int
    height: int
    faces: tuple[SeenFace, ...]

    @property
    def eyes_closed(self) -> int:
        """Faces of which no eye is open and one is closed."""
        states = [{eye.state for eye in face.eyes.values()} for face in self.faces]
        return sum("closed" in found and "open" not in found for found in states)

    def to_json(self) -> Json:
        """The photo in the document of every door."""
        return {
            "file": self.file,
            "width": self.width,
            "height": self.height,
            "eyes_closed": self.eyes_closed,
            "faces": [face.to_json() for face in self.faces],
        }


def find_faces(photo: PhotoSource | NamedPhoto, *, limits: ImageLimits | None = None) -> PhotoFaces:
    """Every face on a photo, small ones in a group too. Says nothing about whose they are.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name; decoded in full, upright.
        limits: bytes and pixels to accept.

    Returns:
        The faces in pixels of the upright photo, largest first.

    Raises:
        UnreadableImage: missing, empty, damaged, or not an image.
        ImageTooLarge: more bytes or pixels than the limits allow.
        ModelRefused: a network's file is damaged.
        ScoringFailed: a network stopped.
    """
    photo = named(photo)
    return faces_on(read_photo(photo, limits=limits), file=photo.name)


def faces_on(photo: Photo, *, file: str) -> PhotoFaces:
    """Every face on a photo that was decoded in full.

    Args:
        photo: from `read_photo` without `at_least`.
        file: what the answer calls it.

    Raises:
        ModelRefused: a network's file is damaged.
        ScoringFailed: a network stopped.
    """
    return PhotoFaces(file=file, width=photo.width, height=photo.height, faces=tuple(faces_in(photo.pixels)))


def faces_in(pixels: Image.Image) -> list[SeenFace]:
    """Every face of a picture, largest first, with what can be seen of each.

    Args:
        pixels: mode RGB, upright, at the photo's own size.

    Raises:
        ModelRefused: a network's file is damaged.
        ScoringFailed: a network stopped.
    """
    found, meshes = _looked_through(pixels)
    area = pixels.width * pixels.height
    seen = []
    for index, mesh in enumerate(meshes):
        box, points = found.boxes[index], found.points[index]
        # None where the network drew the box beyond the border.
        face = next(iter(faces_of(found.only(np.array([index])), pixels.size)), None)
        if face is None:
            continue
        seen.append(
            SeenFace(
                box=face.box,
                confidence=face.confidence,
                landmarks=face.landmarks,
                size=face.width * face.height / area,
                sharpness=sharpness(pixels, face.box),
                turned=turned(mesh.points),
                eyes=eyes(pixels, mesh),
                expressions=expressions(pixels, box, points),
            )
        )
    return sorted(seen, key=lambda face: (-face.width * face.height, face.box))


def _looked_through(pixels: Image.Image) -> tuple[Found, list[Mesh]]:
    """The faces of the whole picture and of its tiles, confirmed."""
    # Half of the longer side, but not more than the shorter one: a panorama is looked at in squares.
    side = min(max(pixels.size) // 2, max(min(pixels.size), SMALLEST_TILE_PX))
    small, factor = _copy(pixels, side)
    found, meshes = confirmed(pixels, candidates(small).enlarged(factor))
    for level in range(_LEVELS):
        if level:
            side //= 2
            small, factor = _copy(pixels, side)
        tiles = list(_tiles(small.size, side // factor))
        if side < SMALLEST_TILE_PX or len(tiles) > _MOST_TILES:
            break
        parts = [[part.enlarged(factor) for part in _in_tile(small, tile)] for tile in tiles]
        found, meshes = _with_more(pixels, found, meshes, joined([sure for sure, _ in parts]))
        if not _shows_smaller_ones(pixels, found, joined([unsure for _, unsure in parts]), _SMALL * side):
            break
    return found, meshes


def _copy(pixels: Image.Image, side: int) -> tuple[Image.Image, int]:
    """A copy in which tiles of this side have at least twice as many pixels as the network takes, and how much smaller.

    Making the whole smaller once costs 12 ms for 12 megapixels; making each tile smaller cost 60.
    """
    factor = max(1, side // (2 * SMALLEST_TILE_PX))
    return (pixels.reduce(factor), factor) if factor > 1 else (pixels, 1)


def _shows_smaller_ones(pixels: Image.Image, found: Found, unsure: Found, size: float) -> bool:
    """Whether a finer look is worth its time: a face was found, or one of the likeliest things is one, so small."""
    if (found.boxes[:, 2] - found.boxes[:, 0] < size).any():
        return True
    small = unsure.only(np.flatnonzero(unsure.boxes[:, 2] - unsure.boxes[:, 0] < size))
    return bool(confirmed(pixels, small.first(_UNSURE_LOOKS), alone=_NEVER)[1])


def _with_more(pixels: Image.Image, found: Found, meshes: list[Mesh], more: Found) -> tuple[Found, list[Mesh]]:
    new = [index for index, box in enumerate(more.boxes) if is_new(box, found.boxes)]
    added, seen = confirmed(pixels, more.only(np.array(new, np.intp)), alone=_NEVER)
    together = Found(
        boxes=np.concatenate([found.boxes, added.boxes]),
        points=np.concatenate([found.points, added.points]),
        confidences=np.concatenate([found.confidences, added.confidences]),
    )
    return together, meshes + seen


def _in_tile(pixels: Image.Image, tile: tuple[int, int, int, int]) -> tuple[Found, Found]:
    """What is rather surely a face in a part of the picture, and what might be one, in pixels of the picture."""
    answer = ask(pixels.crop(tile), LOOKS[0])
    sure, unsure = (_placed(answer.found(threshold), tile, pixels.size) for threshold in (_SURE, _UNSURE))
    return sure, unsure


def _placed(found: Found, tile: tuple[int, int, int, int], size: tuple[int, int]) -> Found:
    corner = np.array(tile[:2], np.float32)
    boxes = found.boxes + np.tile(corner, 2)
    # What reaches an inner border is cut by it, and lies whole in the next tile.
    edge = _BORDER * max(tile[2] - tile[0], tile[3] - tile[1])
    whole = np.ones(len(boxes), bool)
    for axis in (0, 1):
        if tile[axis] > 0:
            whole &= boxes[:, axis] > tile[axis] + edge
        if tile[axis + 2] < size[axis]:
            whole &= boxes[:, axis + 2] < tile[axis + 2] - edge
    moved = Found(boxes=boxes, points=found.points + corner, confidences=found.confidences)
    return moved.only(np.flatnonzero(whole))


def _tiles(size: tuple[int, int], side: int) -> Iterator[tuple[int, int, int, int]]:
    """Squares that cover the picture, each with some of its neighbours."""
    # In a strip, a face may be as large as a tile; elsewhere the look at the whole picture has found that one.
    overlap = 0.5 if max(size) > 3 * min(size) else 0.25
    starts = []
    for length in size:
        room = max(length - side, 0)
        count = 1 + -(-room // max(1, round(side * (1 - overlap))))
        starts.append([round(start) for start in np.linspace(0, room, count)])
    for top in starts[1]:
        for left in starts[0]:
            yield left, top, min(left + side, size[0]), min(top + side, size[1])
