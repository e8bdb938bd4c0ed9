"""How well faces, eyes and smiles are seen, and how long it takes.

python tests/benchmarks/faces.py --oasis DIR     the figures, on the photos of OASIS: DIR holds labels.csv and images/
python tests/benchmarks/faces.py --time          the times, on photos of scikit-image

`face_labels.json` holds labels for OASIS, no photos; 400 x 320 pixels each:
- faces: each third photo of category Person; every face from 16 pixels on of which an eye is seen. The boxes are those
  that popscore drew, each looked at, and for faces that it missed boxes drawn by eye: recall is honest by that, the
  exact place of a box is not judged.
- people_elsewhere: photos of other categories that do show somebody.
- eyes: a box around the face, the person's side, and open, closed or not_visible, labelled on cuts before anything was
  measured; what was unclear was left out. The threshold was then set on all of them.
- happy: clearly smiling or laughing, or clearly not; labelled with the answer in sight.
"""

import argparse
import csv
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore.people.blazeface import overlaps
from popscore.people.faces import Face, detect
from popscore.people.find import SeenFace, faces_in, find_faces
from popscore.scoring.scorer import load_scorer

LABELS = json.loads(Path(__file__).with_name("face_labels.json").read_text())
ROUNDS = 15


def overlap(face: Face, box: list[int]) -> float:
    return float(overlaps(np.array(face.box, np.float32), np.array([box], np.float32))[0])


def holding(faces: list[SeenFace], box: list[int]) -> SeenFace | None:
    """The face around the middle of a box."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return next((face for face in faces if face.box[0] < x < face.box[2] and face.box[1] < y < face.box[3]), None)


def photo(folder: Path, name: str) -> Image.Image:
    with Image.open(folder / "images" / name) as image:
        return image.convert("RGB")


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.3f})" if whole else "none"


def figures(folder: Path) -> Iterator[str]:
    with open(folder / "labels.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (folder / "images" / row["image"]).exists()]
    seen = {row["image"]: faces_in(photo(folder, row["image"])) for row in rows}
    quick = {row["image"]: detect(photo(folder, row["image"])) for row in rows}
    for name, answers in (("find_faces", seen), ("detect", quick)):
        hits = wrong = labelled = 0
        for image, boxes in LABELS["faces"].items():
            labelled += len(boxes)
            hits += sum(any(overlap(face, box) >= 0.5 for face in answers[image]) for box in boxes)
            wrong += sum(all(overlap(face, box) < 0.5 for box in boxes) for face in answers[image])
        yield f"{name}: recall {share(hits, labelled)}, precision {share(hits, hits + wrong)}"
        for category in ("Person", "Animal", "Object", "Scene"):
            images = [row["image"] for row in rows if row["category"] == category]
            others = [image for image in images if image not in LABELS["people_elsewhere"]]
            told = share(sum(bool(answers[image]) for image in others), len(others))
            yield f"  {category}: photos with a face {told}" + (
                "" if category == "Person" else ", of those without people"
            )
    table: Counter[tuple[str, str]] = Counter()
    for image, box, side, state in LABELS["eyes"]:
        face = holding(seen[image], box)
        table[state, face.eyes[side].state if face else "no face"] += 1
    judged = {state: table[state, "open"] + table[state, "closed"] for state in ("open", "closed")}
    right = {state: table[state, state] for state in judged}
    balanced = np.mean([right[state] / judged[state] for state in judged])
    yield f"eyes: balanced accuracy {balanced:.3f} of those said to be open or closed: " + ", ".join(
        f"{state} {share(right[state], judged[state])}" for state in judged
    )
    for (state, said), count in sorted(table.items()):
        yield f"  {state} -> {said}: {count}"
    agree: Counter[tuple[bool, bool]] = Counter()
    for image, box, happy in LABELS["happy"]:
        face = holding(seen[image], box)
        if face:
            agree[happy, face.expression == "happy"] += 1
    same = agree[True, True] + agree[False, False]
    yield f"happy or not: {share(same, agree.total())}"
    for happy, name in ((True, "happy"), (False, "not happy")):
        yield f"  {name}: {share(agree[happy, happy], agree[happy, True] + agree[happy, False])}"


# --- times ------------------------------------------------------------------------------------------


def samples() -> dict[str, Image.Image]:
    folder = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"
    found = {}
    for name, file in (("astronaut", "astronaut.png"), ("coffee", "coffee.png")):
        with Image.open(folder / file) as image:
            found[name] = image.convert("RGB")
    return found


def large(pictures: dict[str, Image.Image], faces: int) -> bytes:
    """A JPEG of 12 megapixels, with so many faces of some 500 pixels on it."""
    page = pictures["coffee"].resize((4000, 3000), Image.Resampling.BICUBIC)
    head = pictures["astronaut"].crop((110, 0, 340, 230)).resize((1100, 1100), Image.Resampling.BICUBIC)
    for index in range(faces):
        page.paste(head, (100 + index * 1300, 900))
    file = io.BytesIO()
    page.save(file, "JPEG", quality=90)
    return file.getvalue()


def times() -> Iterator[str]:
    pictures = samples()
    none, three = large(pictures, 0), large(pictures, 3)
    scorer = load_scorer()
    decoded = {name: Image.open(io.BytesIO(file)).convert("RGB") for name, file in (("none", none), ("three", three))}
    tasks: dict[str, Callable[[], object]] = {
        "detect, 600 x 400 in memory, no face": lambda: detect(pictures["coffee"]),
        "detect, 512 x 512 in memory, one face": lambda: detect(pictures["astronaut"]),
        "detect, 12 megapixels in memory, no face": lambda: detect(decoded["none"]),
        "score, 12-megapixel JPEG": lambda: scorer.score(none),
        "decode in full, 12-megapixel JPEG": lambda: Image.open(io.BytesIO(none)).load(),
        "faces_in, 12 megapixels in memory, no face": lambda: faces_in(decoded["none"]),
        "faces_in, 12 megapixels in memory, three faces": lambda: faces_in(decoded["three"]),
        "find_faces, 12-megapixel JPEG, no face": lambda: find_faces(none),
        "find_faces, 12-megapixel JPEG, three faces": lambda: find_faces(three),
    }
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(ROUNDS + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if turn:
                taken[name].append(1000 * (time.perf_counter() - start))
    for name, values in taken.items():
        quarter, middle, three_quarters = np.percentile(values, [25, 50, 75])
        yield f"{name}: {middle:.1f} ms (quartiles {quarter:.1f} to {three_quarters:.1f}, least {min(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oasis", type=Path, metavar="DIR")
    parser.add_argument("--time", action="store_true")
    options = parser.parse_args()
    for line in figures(options.oasis) if options.oasis else ():
        print(line)
    for line in times() if options.time else ():
        print(line)


if __name__ == "__main__":
    main()
