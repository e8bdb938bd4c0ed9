"""Every face on a photo, small ones too, with what can be seen of each."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from popscore.cpus import usable_cpus
from popscore.errors import UnreadableImage
from popscore.models.spec import Json
from popscore.people.blazeface import Found, is_new, joined
from popscore.people.expressions import expressions
from popscore.people.eyes import Eye, eyes
from popscore.people.faces import LOOKS, SURE_ALONE, Face, ask, candidates, confirmed, faces_of
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
# A JPEG is first decoded at a size from here on; in full only once something on it may be a face.
_ROUGH = (640, 640)
_NEARLY = 1.1  # times too small a copy may be


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
        photo: path, bytes, binary file object or PIL image, with or without a name.
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
    # What may stand elsewhere afterwards is read once, in full.
    twice = isinstance(photo.source, (str, os.PathLike, bytes))
    rough = read_photo(photo, at_least=_ROUGH if twice else None, limits=limits)
    size = rough.width, rough.height

    def in_full() -> Image.Image:
        found = rough.pixels if rough.pixels.size == size else read_photo(photo, limits=limits).pixels
        if found.size != size:
            raise UnreadableImage(f"{photo.short_name} could not be read: it was changed meanwhile. Try again.")
        return found

    faces = tuple(_faces_of(_Picture(rough.pixels, size, in_full)))
    return PhotoFaces(file=photo.name, width=rough.width, height=rough.height, faces=faces)


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
    return _faces_of(_Picture(pixels, pixels.size, lambda: pixels))


class _Picture:
    """A photo as small as a first look needs it, and in full once something may be a face."""

    def __init__(self, small: Image.Image, size: tuple[int, int], in_full: Callable[[], Image.Image]) -> None:
        self.size = size
        self._best, self._in_full = small, in_full

    @property
    def full(self) -> Image.Image:
        """All pixels."""
        if self._best.size != self.size:
            self._best = self._in_full()
        return self._best

    @property
    def best(self) -> tuple[Image.Image, float]:
        """The largest copy that there is already, and how much smaller it is."""
        return self._best, max(self.size) / max(self._best.size)

    def copy(self, side: int) -> tuple[Image.Image, float]:
        """A copy in which tiles of this side have some twice as many pixels as the network takes, and how much smaller.

        Making the whole smaller once costs 12 ms for 12 megapixels; making each tile smaller cost 60.
        """
        factor = side / (2 * SMALLEST_TILE_PX)
        pixels, known = self.best
        if known > _NEARLY * factor:
            pixels, known = self.full, 1.0
        again = int(factor / known)
        return (pixels.reduce(again), known * again) if again > 1 else (pixels, known)


def _faces_of(picture: _Picture) -> list[SeenFace]:
    with ThreadPoolExecutor(usable_cpus(), thread_name_prefix="popscore-faces") as pool:
        found, meshes = _looked_through(picture, pool)

        def seen(index: int) -> SeenFace | None:
            return _seen(picture, found.only(np.array([index])), meshes[index])

        # None where the network drew the box beyond the border.
        faces = [face for face in pool.map(seen, range(len(meshes))) if face is not None]
    return sorted(faces, key=lambda face: (-face.width * face.height, face.box))


def _seen(picture: _Picture, found: Found, mesh: Mesh) -> SeenFace | None:
    face = next(iter(faces_of(found, picture.size)), None)
    if face is None:
        return None
    return SeenFace(
        box=face.box,
        confidence=face.confidence,
        landmarks=face.landmarks,
        size=face.width * face.height / (picture.size[0] * picture.size[1]),
        sharpness=sharpness(picture.full, face.box),
        turned=turned(mesh.points),
        eyes=eyes(picture.full, mesh),
        expressions=expressions(picture.full, found.boxes[0], found.points[0]),
    )


def _looked_through(picture: _Picture, pool: ThreadPoolExecutor) -> tuple[Found, list[Mesh]]:
    """The faces of the whole picture and of its tiles, confirmed."""
    size = picture.size
    # Half of the longer side, but not more than the shorter one: a panorama is looked at in squares.
    side = min(max(size) // 2, max(min(size), SMALLEST_TILE_PX))
    small, factor = picture.copy(side)
    found, meshes = _confirmed(picture, candidates(small, pool=pool).enlarged(factor), pool)
    for level in range(_LEVELS):
        if level:
            side //= 2
            small, factor = picture.copy(side)
        tiles = list(_tiles(small.size, int(side / factor)))
        if side < SMALLEST_TILE_PX or len(tiles) > _MOST_TILES:
            break
        parts = [
            [part.enlarged(factor) for part in both]
            for both in pool.map(lambda tile, of=small: _in_tile(of, tile), tiles)
        ]
        found, meshes = _with_more(picture, found, meshes, joined([sure for sure, _ in parts]), pool)
        if not _shows_smaller_ones(picture, found, joined([unsure for _, unsure in parts]), _SMALL * side, pool):
            break
    return found, meshes


def _confirmed(
    picture: _Picture, found: Found, pool: ThreadPoolExecutor, *, alone: float = SURE_ALONE
) -> tuple[Found, list[Mesh]]:
    return confirmed(picture.full, found, alone=alone, pool=pool) if len(found.boxes) else (found, [])


def _shows_smaller_ones(picture: _Picture, found: Found, unsure: Found, size: float, pool: ThreadPoolExecutor) -> bool:
    """Whether a finer look is worth its time: a face was found, or one of the likeliest things is one, so small."""
    if (found.boxes[:, 2] - found.boxes[:, 0] < size).any():
        return True
    small = unsure.only(np.flatnonzero(unsure.boxes[:, 2] - unsure.boxes[:, 0] < size)).first(_UNSURE_LOOKS)
    pixels, factor = picture.best
    return bool(confirmed(pixels, small.enlarged(1 / factor), alone=_NEVER, pool=pool)[1])


def _with_more(
    picture: _Picture, found: Found, meshes: list[Mesh], more: Found, pool: ThreadPoolExecutor
) -> tuple[Found, list[Mesh]]:
    new = [index for index, box in enumerate(more.boxes) if is_new(box, found.boxes)]
    added, seen = _confirmed(picture, more.only(np.array(new, np.intp)), pool, alone=_NEVER)
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
