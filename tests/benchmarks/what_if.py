"""What a model thinks of edits, what edits do to photos, and what trying them costs.

python tests/benchmarks/what_if.py taste FOLDER [--photos 200]
python tests/benchmarks/what_if.py strength FOLDER [--photos 200]
python tests/benchmarks/what_if.py speed FOLDER [--rounds 15]

TABLES
"""

import argparse
import io
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore import Scorer, Settings, load_scorer
from popscore.cpus import usable_cpus
from popscore.insight.edits import LIMITS, STRENGTHS, Edit, apply, is_overdone
from popscore.insight.tilt import tilt, turned
from popscore.insight.tones import to_encoded, to_linear
from popscore.insight.trials import edits_for, tried_pixels, what_if, what_if_pixels
from popscore.photos.decode import read_photo

Damage = Callable[[Image.Image], Image.Image]


def pictures(folder: Path, count: int, scorer: Scorer) -> Iterator[Image.Image]:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for at in np.random.default_rng(1).permutation(len(files))[:count]:
        yield tried_pixels(read_photo(files[at], at_least=scorer.at_least).pixels, scorer)


# --- taste ------------------------------------------------------------------------------------------


def darker(photo: Image.Image) -> Image.Image:
    """By 1.5 stops, as a photo that was taken too dark: plain arithmetic, not popscore's own curve."""
    dark = to_encoded(to_linear(np.asarray(photo, np.float32) / 255) * 2**-1.5)
    return Image.fromarray(np.rint(255 * dark).astype(np.uint8))


def washed_out(photo: Image.Image) -> Image.Image:
    return photo.point([round(51 + 0.6 * value) for value in range(256)] * 3)


def bluish(photo: Image.Image) -> Image.Image:
    return photo.point([round(min(255, gain * value)) for gain in (0.8, 1.0, 1.2) for value in range(256)])


# Damage -> what it is undone by: an edit and the sign of its strength.
DAMAGES: dict[str, tuple[Damage, str, int]] = {
    "darker by 1.5 stops": (darker, "exposure", 1),
    "washed out": (washed_out, "contrast", 1),
    "blue cast": (bluish, "warmth", 1),
    "turned by 4 degrees": (lambda photo: turned(photo, 4.0), "straighten", -1),
}


def gains(photo: Image.Image, edits: list[Edit], scorer: Scorer, pool: ThreadPoolExecutor) -> dict[Edit, float]:
    before = scorer.predict(photo).score

    def one(edit: Edit) -> float | None:
        edited = apply(photo, edit)
        return None if is_overdone(photo, edited) else scorer.predict(edited).score - before

    found = zip(edits, pool.map(one, edits), strict=True)
    return {edit: gain for edit, gain in found if gain is not None}


def taste(folder: Path, count: int, scorer: Scorer) -> None:
    noise = scorer.model.spec.likely_noise
    gained, offered, median, photos = Counter[Edit](), Counter[Edit](), defaultdict[Edit, list[float]](list), 0
    any_gain, best = 0, Counter[str]()
    undone = defaultdict[str, list[tuple[bool, bool, bool]]](list)
    dropped = defaultdict[str, list[float]](list)
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for photo in pictures(folder, count, scorer):
            photos += 1
            found = gains(photo, edits_for(photo), scorer, pool)
            for edit, gain in found.items():
                key = Edit(name="straighten", strength=1.0) if edit.name == "straighten" else edit
                median[key].append(gain)
                gained[key] += gain > noise
                offered[key] += 1
            winner = max(found, key=lambda edit: found[edit])
            if found[winner] > noise:
                any_gain += 1
                best[winner.name] += 1
            if photos > count // 4:
                continue
            before = scorer.predict(photo).score
            for name, (damage, edit_name, sign) in DAMAGES.items():
                hurt = damage(photo)
                if edit_name == "straighten":
                    angle = tilt(hurt)
                    edits = [] if angle is None else [Edit(name="straighten", strength=angle)]
                else:
                    edits = [Edit(name=edit_name, strength=strength) for strength in STRENGTHS[edit_name]]
                answer = gains(hurt, edits, scorer, pool)
                right = max([gain for edit, gain in answer.items() if edit.strength * sign > 0], default=-9.0)
                wrong = max([gain for edit, gain in answer.items() if edit.strength * sign < 0], default=-9.0)
                undone[name].append((right > noise, wrong > noise, right > wrong and right > 0))
                dropped[name].append(before - scorer.predict(hurt).score)
    print(f"{scorer.model.spec.name}, noise {noise:.2f}, {photos} photos; {any_gain} have an edit that gains more")
    print("best edit where one gains:", dict(best.most_common()))
    for edit in sorted(median, key=lambda edit: (list(LIMITS).index(edit.name), edit.strength)):
        print(
            f"  {edit.name:15} {edit.strength:+5.2f}  not overdone {offered[edit]:4}  gains more than the noise "
            f"{gained[edit]:4}  median gain {statistics.median(median[edit]):+.2f}"
        )
    for name, rows in undone.items():
        found, against, direction = np.mean(rows, axis=0)
        print(
            f"  {name:20} of {len(rows)}: score lower by {statistics.median(dropped[name]):.2f}; the inverse gains "
            f"more than the noise {found:.2f}, the opposite {against:.2f}; "
            f"better than nothing and than the opposite {direction:.2f}"
        )


# --- strength ---------------------------------------------------------------------------------------


def lab(photo: Image.Image) -> npt.NDArray[np.float32]:
    linear = to_linear(np.asarray(photo, np.float32) / 255)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089], np.float32)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def strength(folder: Path, count: int, scorer: Scorer) -> None:
    moved, overdone = defaultdict[Edit, list[float]](list), Counter[Edit]()
    for photo in pictures(folder, count, scorer):
        photo.thumbnail((300, 300))
        before = lab(photo)
        for name, strengths in STRENGTHS.items():
            for one in strengths:
                edit = Edit(name=name, strength=one)
                after = apply(photo, edit)
                moved[edit].append(float(np.linalg.norm(lab(after) - before, axis=-1).mean()))
                overdone[edit] += is_overdone(photo, after)
    for edit, values in moved.items():
        print(
            f"  {edit.name:15} {edit.strength:+6.3f}  mean delta E: median photo {np.median(values):5.1f}, "
            f"95th of 100 {np.percentile(values, 95):5.1f}; overdone on {overdone[edit]} of {len(values)}"
        )


# --- speed ------------------------------------------------------------------------------------------


def speed(folder: Path, rounds: int, scorer: Scorer) -> None:
    """20 inferences on prepared pixels and one decode, against what_if, turn by turn, both on all CPUs."""
    photo = next(pictures(folder, 1, scorer)).resize((4000, 3000), Image.Resampling.BICUBIC)
    packed = io.BytesIO()
    photo.save(packed, "JPEG", quality=92)
    content = packed.getvalue()
    sides: dict[str, list[float]] = {"20 inferences and a decode": [], "what if": [], "edits alone": []}
    trials = len(what_if(content, scorer=scorer).trials)

    def plain() -> None:
        pixels = read_photo(content, at_least=scorer.at_least).pixels
        with ThreadPoolExecutor(usable_cpus()) as pool:
            list(pool.map(lambda _: scorer.predict(pixels), range(trials + 1)))

    small = tried_pixels(read_photo(content, at_least=scorer.at_least).pixels, scorer)

    def edits_alone() -> None:
        for edit in edits_for(small):
            is_overdone(small, apply(small, edit))

    calls = {"20 inferences and a decode": plain, "what if": lambda: what_if(content, scorer=scorer)}
    calls |= {"edits alone": edits_alone}
    what_if_pixels(small, scorer)
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            sides[name].append(time.perf_counter() - began)
    for name, times in sides.items():
        low, middle, high = np.percentile(times, [25, 50, 75])
        print(f"  {name:28} median {middle:.3f} s, middle half {low:.3f} to {high:.3f}")
    ratios = np.array(sides["what if"]) / np.array(sides["20 inferences and a decode"])
    print(f"  {trials} trials and the photo itself; ratio, median of the rounds: {np.median(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["taste", "strength", "speed"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    scorer = load_scorer(Settings())
    if options.what == "taste":
        taste(options.folder, options.photos, scorer)
    elif options.what == "strength":
        strength(options.folder, options.photos, scorer)
    else:
        speed(options.folder, options.rounds, scorer)


if __name__ == "__main__":
    main()
