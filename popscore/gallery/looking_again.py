"""Photos that are read a second time, larger than their scores needed: those that share a group, or all for faces."""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sized

from PIL import Image

from popscore.cpus import in_order
from popscore.errors import PopscoreError, UnreadableImage
from popscore.people.shots import ShotMeasure, shot_json
from popscore.photos.sources import NamedPhoto, PhotoSource, named
from popscore.scoring.scorer import Scorer


class Sources:
    """Hands photos on, and remembers those that can be read a second time.

    Paths can. Bytes, pictures and files are kept only if somebody else holds all of them anyway: of those that a
    generator gives, memory must not hold more and more.
    """

    def __init__(self, photos: Iterable[PhotoSource | NamedPhoto]) -> None:
        self._photos = photos
        self._held = isinstance(photos, Sized)
        self._kept: dict[int, NamedPhoto] = {}
        self._began: dict[int, int] = {}

    def __iter__(self) -> Iterator[NamedPhoto]:
        for index, photo in enumerate(self._photos):
            known = named(photo)
            if self._held or isinstance(known.source, (str, os.PathLike)):
                self._kept[index] = known
                self._mark(index, known.source)
            yield known

    def _mark(self, index: int, source: PhotoSource) -> None:
        """Remember where a file stands before it is read."""
        if isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)):
            return
        try:
            self._began[index] = source.tell()
        except (OSError, ValueError, AttributeError):  # closed, or a pipe
            del self._kept[index]

    def again(self, index: int) -> NamedPhoto:
        """A photo by its place among those given, to be read once more.

        Raises:
            UnreadableImage: it cannot be read twice.
        """
        if index not in self._kept:
            raise UnreadableImage(f"Photo {index} cannot be read twice. Give it as a file.")
        photo = self._kept[index]
        if index in self._began and not isinstance(photo.source, (str, os.PathLike, bytes, Image.Image)):
            try:
                photo.source.seek(self._began[index])  # type: ignore[union-attr]
            except (OSError, ValueError) as error:
                raise UnreadableImage(f"{photo.short_name} cannot be read twice: {error}. Give it as a file.") from None
        return photo


def look_again(
    sources: Sources, sides: Mapping[int, int | None], scorer: Scorer, *, people: bool
) -> Generator[tuple[int, ShotMeasure | None]]:
    """Measure photos, in their order, as results become ready.

    Each worker holds one decoded photo at a time. Closing the generator stops the work, and waits for the photos that
    are being worked on.

    Args:
        sources: the photos.
        sides: longer side at which each photo is measured, by its place, see `shots.measure_shot`.
        scorer: reads the photos where it always does, and within its limits.
        people: look for faces too.

    Yields:
        The place of each photo, and its measure; None where it cannot be read any more, or not in full.
    """

    def measured(index: int) -> tuple[int, ShotMeasure | None]:
        try:
            return index, ShotMeasure.from_json(scorer.look(sources.again(index), shot_json, sides[index], people))
        except (PopscoreError, ValueError):  # a worker's answer may be spoilt
            return index, None

    return in_order(measured, sides)
