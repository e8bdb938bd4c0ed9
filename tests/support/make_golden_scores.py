"""Writes tests/data/golden_scores.json: what the embedded model says about photos that scikit-image brings along.

    python -m tests.support.make_golden_scores

Run it after a new embedded model, and look at the difference before it is committed. The test allows .01 score
units, for the rounding of other processors.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import popscore
from popscore.settings import Settings

GOLDEN = Path(__file__).parents[1] / "data" / "golden_scores.json"
PHOTOS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)


def scores() -> dict[str, object]:
    """The hash of the embedded model, and its score of each photo."""
    folder = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"
    scorer = popscore.load_scorer(Settings())
    found = {name: round(scorer.score(folder / name).score, 4) for name in PHOTOS}
    return {"sha256": scorer.model.sha256, "tolerance": 0.01, "scores": found}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(scores(), indent=2) + "\n", encoding="utf-8")
    print(GOLDEN.read_text(encoding="utf-8"))
