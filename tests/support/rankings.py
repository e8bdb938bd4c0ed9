"""Rankings made by hand, and names that make trouble."""

from pathlib import Path

from popscore.models.spec import I2PA_SPEC, ModelInfo
from popscore.results import RankedPhoto, Ranking
from popscore.scale import band

MODEL = ModelInfo(spec=I2PA_SPEC, source="file", origin="m.onnx", sha256="0" * 64)
ODD_NAMES = [
    "=cmd()",
    '=HYPERLINK("http://x","y").jpg',
    "+1.jpg",
    "-1.jpg",
    "@SUM(A1).jpg",
    "\t=1.jpg",
    "\r=1.jpg",
    " =1.jpg",
    "\n=1.jpg",
    "\N{FULLWIDTH EQUALS SIGN}1.jpg",
    "'quoted.jpg",
    "'=1.jpg",
    'a"b,c.jpg',
    "two\nlines.jpg",
    "two\r\nlines.jpg",
    "größe 写真 🌄.jpg",
    "\udcff\udcfe.jpg",
    "a;b|c.jpg",
    "plain.jpg",
    "sub/1.jpg",
]


def ranking(*files: str, score: float = 3.0, percentile: float = 50.0) -> Ranking:
    """A ranking of these photos, each one point below the one before, all of one percentile."""
    photos = [
        RankedPhoto(
            file=file,
            score=score - number,
            percentile=percentile,
            label=band(score - number).label,
            color=band(score - number).color,
            width=96,
            height=64,
            rank=number + 1,
            index=number,
            gap=1.0 if number + 1 < len(files) else None,
            too_close=False,
            tier=number + 1,
        )
        for number, file in enumerate(files)
    ]
    return Ranking(model=MODEL, results=photos, errors=[], noise=0.1, total=len(photos))


def left_behind(folder: Path) -> set[str]:
    """What is in a folder beside the three photos that tests of exports begin with."""
    return {path.name for path in folder.iterdir()} - {"a.jpg", "b.jpg", "c.jpg"}
