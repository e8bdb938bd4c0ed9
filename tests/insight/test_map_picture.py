"""The picture of a map: cells as they are, one scale, signs beside the colours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import popscore
from popscore import Settings
from popscore.insight.map_picture import LIMITS, cell_colors, cell_signs, color_of, draw_map, limit
from popscore.insight.maps import Contributions, Covers
from popscore.models.spec import I2PA_SPEC

WHOLE: Covers = (0.0, 0.0, 1.0, 1.0)


def found(grid: list[list[float]], *, covers: Covers = WHOLE) -> Contributions:
    rows = tuple(tuple(row) for row in grid)
    score = 2.96 + float(np.mean(grid))
    return Contributions(score=score, grid=rows, base=2.96, method="activation_map", covers=covers)


def test_one_scale_for_all_photos() -> None:
    most = limit(found([[0.1]]), I2PA_SPEC)
    assert most == limit(found([[50.0, -3.0]]), I2PA_SPEC) == LIMITS["activation_map"] * I2PA_SPEC.reference_std
    assert color_of(2 * most, most) == color_of(most, most)  # what lies beyond is drawn as the end
    assert color_of(0.0, most)[3] == 0
    assert color_of(most / 2, most)[3] == pytest.approx(color_of(most, most)[3] / 2, abs=1)


def test_colors_and_signs_for_a_page() -> None:
    most = limit(found([[0.0]]), I2PA_SPEC)
    grid = found([[most, -most], [0.0, 0.1]])
    assert cell_colors(grid, I2PA_SPEC)[0] == ["#e66101c7", "#1c5fc4c7"]
    assert cell_colors(grid, I2PA_SPEC)[1][0].endswith("00")
    assert cell_signs(grid, I2PA_SPEC) == [["+", "-"], ["", ""]]


def test_cells_are_drawn_as_cells() -> None:
    """Over a grey photo each cell has one colour, whatever its size on the page."""
    most = limit(found([[0.0]]), I2PA_SPEC)
    drawn = np.asarray(draw_map(Image.new("RGB", (500, 400), "grey"), found([[most, 0], [0, -most]]), spec=I2PA_SPEC))
    margin = 26
    cells = drawn[margin : margin + 864, margin : margin + 1080].astype(int)
    corners = [cells[40:120, 40:160], cells[40:120, -160:-40], cells[-120:-40, 40:160], cells[-120:-40, -160:-40]]
    assert [int(np.ptp(corner.reshape(-1, 3), axis=0).max()) for corner in corners] == [0, 0, 0, 0]
    red, plain, other, blue = (corner[0, 0] for corner in corners)
    assert red[0] > red[2] + 100 and blue[2] > blue[0] + 100 and (plain == other).all() and np.ptp(plain) == 0
    assert cells[216, 270].tolist() == [255, 255, 255]  # a plus in the first cell, a minus in the last one
    assert cells[648, 810].tolist() == [255, 255, 255]
    assert cells[216 - 40, 270].tolist() == [255, 255, 255] != cells[648 - 40, 810].tolist()


def test_what_the_model_does_not_see_has_no_colour() -> None:
    most = limit(found([[0.0]]), I2PA_SPEC)
    middle = found([[most]], covers=(0.25, 0.0, 0.75, 1.0))
    drawn = np.asarray(draw_map(Image.new("RGB", (400, 200), "grey"), middle, spec=I2PA_SPEC)).astype(int)
    row = drawn[100, 26 : 26 + 1080]
    assert np.ptp(row[:260], axis=1).max() == 0 and np.ptp(row[280:500], axis=1).min() > 50


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (3, 3), (30, 20), (4000, 3000)])
@pytest.mark.parametrize("dark", [False, True])
def test_photos_of_any_size(size: tuple[int, int], dark: bool) -> None:
    grid = found(np.random.default_rng(0).normal(0, 3, (8, 8)).tolist())
    drawn = draw_map(Image.new("RGB", size, "green"), grid, spec=I2PA_SPEC, dark=dark)
    assert drawn.mode == "RGB" and max(drawn.size) < 1400 and drawn.width >= 640


def test_photographs(photos: dict[str, Path]) -> None:
    scorer = popscore.load_scorer(Settings())
    for path in photos.values():
        with Image.open(path) as photo:
            pixels = photo.convert("RGB")
        drawn = draw_map(pixels, popscore.explain(path, scorer=scorer), spec=scorer.model.spec)
        assert len(drawn.getcolors(1 << 24) or ()) > 1000
