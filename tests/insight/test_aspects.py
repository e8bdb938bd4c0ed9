"""Shapes, as people and clients ask for them."""

import pytest

from popscore.errors import InvalidSetting
from popscore.insight.aspects import ASPECTS, Aspect, largest, parse_aspect, parse_aspects


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("1:1", 1), ("4:5", 0.8), ("9:16", 0.5625), ("1.91:1", 1.91), ("1:5", 0.2), ("50:10", 5), ("1080:1350", 0.8)],
)
def test_a_shape(text: str, ratio: float) -> None:
    assert parse_aspect(text).ratio == pytest.approx(ratio)
    assert parse_aspect(text).text == text


def test_free_and_blanks() -> None:
    assert parse_aspect(" Free ") == Aspect("free", None)
    assert parse_aspect(" 4:5 ") == Aspect("4:5", 0.8)


@pytest.mark.parametrize(
    "text",
    (
        *("", "abc", "0:1", "1:0", "0:0", "0.0:1", "1:99", "99:1", "5.01:1", "nan:1", "inf:1", "-1:1", "1:-1", "1e3:1"),
        *("4", "4:5:6", "4/5", "1:" + "9" * 5000, "1" * 6 + ":1", "\u0664:\u0665", "4:5\n1:1", "0x4:5", ":", "1.91:"),
        "\x1b[2J",
    ),
)
def test_no_shape(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^The aspect .* was refused: .*(W:H|from 1:5 to 5:1)") as refusal:
        parse_aspect(text)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300


def test_what_is_no_text_is_no_shape() -> None:
    for wrong in (None, 1.91, ["4:5"], b"4:5"):
        with pytest.raises(InvalidSetting):
            parse_aspect(wrong)  # type: ignore[arg-type]


def test_several() -> None:
    assert [aspect.text for aspect in parse_aspects(ASPECTS)] == list(ASPECTS)
    assert [aspect.text for aspect in parse_aspects("4:5")] == ["4:5"]
    assert [aspect.text for aspect in parse_aspects(["4:5", " 4:5", "FREE", "free"])] == ["4:5", "free"]


@pytest.mark.parametrize("texts", [[], None, 5, ["1:1"] * 21, ["1:1", "abc"]])
def test_no_list_of_shapes(texts: object) -> None:
    with pytest.raises(InvalidSetting):
        parse_aspects(texts)


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (1, 5000), (5000, 1), (1, 1), (7, 3)])
@pytest.mark.parametrize("text", ["1:1", "4:5", "9:16", "1.91:1", "1:5", "5:1"])
def test_the_largest_that_fits(size: tuple[int, int], text: str) -> None:
    ratio = parse_aspect(text).ratio
    assert ratio is not None
    width, height = largest(ratio, size)
    assert 1 <= width <= size[0]
    assert 1 <= height <= size[1]
    assert width == size[0] or height == size[1]
    if min(size) > 100:
        assert abs(width - height * ratio) <= max(1, ratio)
