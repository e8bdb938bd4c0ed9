"""The table of an appeal model: what the file itself can be measured on, and what its training measured out of fold.

The shipped file was fitted on all rated photos, so correlations with their ratings would flatter it. Those rows are
read from the file's metadata, where the training script wrote the out-of-fold figures of the same recipe. Cost, size,
damage and stability are measured here, on the file, through the same code that scores a user's photo.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from popscore.scoring.scorer import Scorer, load_scorer
from popscore.settings import Settings
from popscore.training.appeal.data import DEGRADATIONS, degrade, read_rated_photos
from popscore.training.errors import require

EMBEDDED = Path(__file__).parents[2] / "models" / "embedded" / "model.onnx"
PHOTOS = 30


@dataclass(frozen=True)
class Row:
    """One figure, its bound and where it comes from. `at_least` says which way the bound points."""

    figure: str
    value: float
    bound: float
    at_least: bool
    source: str

    @property
    def reached(self) -> bool:
        """Whether the figure is on the right side of its bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


# figure of the training script -> bound
OUT_OF_FOLD = {
    "srcc oasis": 0.80, "srcc oasis Scene": 0.86, "srcc oasis Object": 0.75, "srcc oasis Person": 0.73,
    "srcc oasis Animal": 0.55, "srcc avt": 0.72, "srcc oasis to avt": 0.60, "srcc avt to oasis": 0.67,
    "original beats all": 0.95,
}  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """The table of one model file. A missed bound is a finding, and no error."""

    file: Path
    sha256: str
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, object]:
        """The table as JSON values: `file`, `sha256` and the rows as `figures`."""
        figures = [{**vars(row), "reached": row.reached} for row in self.rows]
        return {"file": str(self.file), "sha256": self.sha256, "figures": figures}

    def text(self) -> str:
        """The table for people, one row per figure, with a line break at its end."""
        lines = [f"{'figure':34} {'value':>8}  {'bound':>8}  "]
        for row in self.rows:
            sign = ">=" if row.at_least else "<="
            verdict = "ok" if row.reached else "MISSED"
            lines.append(f"{row.figure:34} {row.value:8.3f}  {sign}{row.bound:6.2f}  {verdict:6}  {row.source}")
        return "\n".join([*lines, f"sha256 {self.sha256}", ""])


def measured(data: Path, model: Path | None = None) -> Evaluation:
    """Measure a model file.

    Args:
        data: folder with `oasis/` and `avt/`, see `data.read_rated_photos`.
        model: the .onnx file; the embedded one by default.

    Raises:
        ToolMissing: onnx, which writes the yardstick for the cost, is not installed.
        TrainingDataMissing: the rated photos are not there.
        ModelUnavailable, ModelRefused: the file is not there, or is no scorer.
    """
    require("onnx", purpose="evaluate")
    file = EMBEDDED if model is None else model
    photos = [photo.file for photo in read_rated_photos(data) if photo.dataset == "oasis"]
    # exact: decode in full, so that only the model is measured
    scorer = load_scorer(Settings(model_path=file), exact=True)
    rows = table(scorer, file, photos)
    return Evaluation(file, hashlib.sha256(file.read_bytes()).hexdigest(), tuple(rows))


def table(scorer: Scorer, file: Path, photos: list[Path]) -> list[Row]:
    """All rows, in the order in which people ask for them. `photos`: those that damage and stability are tried on."""
    spec = scorer.model.spec
    told = dict(spec.accuracy)
    rows = [Row(name, told[name], bound, True, "out of fold") for name, bound in OUT_OF_FOLD.items() if name in told]
    step = max(1, len(photos) // PHOTOS)
    opened = [_open(path) for path in photos[step // 2 :: step][:PHOTOS]]
    originals = np.array([score_of(scorer, photo) for photo in opened])
    beaten = [
        score_of(scorer, degrade(photo, kind, np.random.default_rng(index))) < original
        for index, (photo, original) in enumerate(zip(opened, originals, strict=True))
        for kind in DEGRADATIONS
    ]
    rows.append(Row("shipped file: original beats copy", float(np.mean(beaten)), 0.95, True, f"{len(beaten)} copies"))
    for name, change in HARMLESS.items():
        moved = np.abs([score_of(scorer, change(photo)) for photo in opened] - originals) / spec.reference_std
        rows.append(Row(f"median change: {name}", float(np.median(moved)), 0.08, False, "sd of the score"))
    if "win probability ece" in told:
        rows.append(Row("win probability, ECE", told["win probability ece"], 0.03, False, "out of fold"))
    from popscore.training.appeal.reference_cost import compare_cost  # needs onnx

    content = file.read_bytes()
    rows.append(Row("file, MB", len(content) / 1e6, 8.0, False, "this file"))
    own, reference = compare_cost(content)
    rows.append(Row("cost / ResNet-50", own / reference, 0.5, False, f"{own:.1f} of {reference:.1f} ms, 1 thread"))
    return rows


def score_of(scorer: Scorer, photo: Image.Image | bytes) -> float:
    """The score of a picture or of the bytes of a file."""
    return scorer.score(photo).score


def _open(path: Path) -> Image.Image:
    with Image.open(path) as stored:
        return stored.convert("RGB")


def saved(photo: Image.Image, **options: object) -> bytes:
    """The photo as the bytes of a JPEG file."""
    stream = io.BytesIO()
    photo.save(stream, "JPEG", **options)
    return stream.getvalue()


def _half(photo: Image.Image) -> Image.Image:
    return photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.BILINEAR)


def _cut(photo: Image.Image) -> Image.Image:
    """1 % off every side."""
    x, y = round(photo.width * 0.01), round(photo.height * 0.01)
    return photo.crop((x, y, photo.width - x, photo.height - y))


def _with_profile(photo: Image.Image) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return saved(photo, quality=95, icc_profile=profile)


HARMLESS: dict[str, Callable[[Image.Image], Image.Image | bytes]] = {
    "saved at quality 85": lambda photo: saved(photo, quality=85),
    "half the size": _half,
    "2 % cut off": _cut,
    "colour profile": _with_profile,
}
