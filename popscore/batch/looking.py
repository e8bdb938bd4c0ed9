"""What a worker process does with one picture of a batch, see `popscore.workers`."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from popscore.errors import PopscoreError
from popscore.models.session import Prediction
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.scoring.scorer import Content, Scorer
from popscore.workers.tasks import Report, ScorerFile, scorer_of


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is found out about each picture besides its score and size; the signature comes with them."""

    embedding: bool = False
    signature: bool = False
    faces: bool = False


Seen = tuple[Content | None, str | None, bytes | None, str | None, float]
"""What was found; else the error, `Kind: message`; the embedding, float32; the faces, JSON; CPU seconds."""


def look(_: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str, wanted: Wanted) -> Seen:
    """Score a picture, and find out what else is wanted of it."""
    began_s = time.process_time()
    photo, scorer = NamedPhoto(path, name), scorer_of(file, limits)
    embedding: bytes | None = None
    try:
        if wanted.embedding:
            content, embedding = scorer.content_with(photo, _embedding)
        else:
            content = scorer.content(photo)
        faces = _faces(photo, limits) if wanted.faces else None
    except PopscoreError as error:
        return None, told(error), None, None, time.process_time() - began_s
    return content, None, embedding, faces, time.process_time() - began_s


def look_all(
    report: Report, file: ScorerFile, limits: ImageLimits, pictures: list[tuple[Path, str]], wanted: Wanted
) -> list[Seen]:
    """As `look`, for some pictures: paths and names."""
    return [look(report, file, limits, path, name, wanted) for path, name in pictures]


def told(error: PopscoreError) -> str:
    """An error as the column `error` has it."""
    return f"{type(error).__name__}: {error}"


def _embedding(_scorer: Scorer, seen: Prediction, _pixels: Image.Image) -> bytes | None:
    return None if seen.embedding is None else seen.embedding.tobytes()


def _faces(photo: NamedPhoto, limits: ImageLimits) -> str:
    from popscore.people.find import find_faces  # few batches need it

    return json.dumps(find_faces(photo, limits=limits).to_json()["faces"])
