"""The split never separates near-duplicates, and is the same every time. Needs no torch."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie_dataset import draw_set

from popscore.photos.similarity import apart, groups, resembling, signature
from popscore.training.selfie.split import parts_of


@pytest.fixture(scope="module")
def signatures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("set")
    draw_set(folder, 100, seed=3)
    found = {}
    for path in sorted((folder / "images").iterdir()):
        with Image.open(path) as image:
            found[path.stem] = signature(image.convert("RGB"))
    return found


def test_copies_stay_together(signatures: dict[str, bytes]) -> None:
    names, taken = list(signatures), list(signatures.values())
    parts = parts_of(apart(taken), seed=0)
    by_name = dict(zip(names, parts.tolist(), strict=True))
    copies = [name for name in names if name.endswith("_again")]
    assert len(copies) == 10
    assert all(by_name[name] == by_name[name.removesuffix("_again")] for name in copies)


@pytest.mark.parametrize("seed", range(3))
def test_no_part_resembles_another(signatures: dict[str, bytes], seed: int) -> None:
    taken = list(signatures.values())
    parts = parts_of(apart(taken), seed=seed)
    for part in range(3):
        inside = [one for one, its in zip(taken, parts, strict=True) if its == part]
        outside = [one for one, its in zip(taken, parts, strict=True) if its != part]
        assert len(inside) >= 8
        assert not any(resembling(inside + outside, [None] * len(taken), len(inside)))
    assert np.array_equal(parts, parts_of(apart(taken), seed=seed))


def test_families_go_along_chains(photos: dict[str, Path]) -> None:
    """Each picture resembles the next, the first not the last: one family, while `groups` makes more of them."""
    with Image.open(photos["cat"]) as image:
        cat = image.convert("RGB")
    steps = [cat.crop((12 * step, 0, 12 * step + 300, 300)) for step in range(12)]
    taken = [signature(step) for step in steps]
    assert len(set(groups(taken, [None] * 12))) > 1
    assert apart(taken) == [0] * 12


def test_different_photos_are_families_of_their_own(photos: dict[str, Path]) -> None:
    taken = []
    for path in photos.values():
        with Image.open(path) as image:
            taken.append(signature(image.convert("RGB")))
    assert apart(taken) == [0, 1, 2, 3]
    assert apart([]) == []
    with pytest.raises(ValueError, match="signatures"):
        apart([b"short"])


def test_one_large_family_goes_to_training() -> None:
    one = signature(Image.linear_gradient("L").convert("RGB"))
    assert set(parts_of(apart([one] * 50), seed=0).tolist()) == {0}
