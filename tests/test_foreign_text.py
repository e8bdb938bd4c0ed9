"""Names from outside: fit for the place where they are shown."""

import pytest
from rankings import ODD_NAMES

from popscore import foreign_text

HOSTILE = [
    *ODD_NAMES,
    "",
    "\x1b[2J\x1b]0;title\x07.jpg",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "CON:stream",
    "<script>alert(1)</script>.jpg",
    "x" * 5000,
    "\N{GRINNING FACE}" * 300,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_each_place_is_safe_from_it(name: str) -> None:
    assert 0 < len(foreign_text.shortened(name)) <= 120 and foreign_text.shortened(name).isprintable()
    assert foreign_text.printable(name).isprintable()
    file = foreign_text.file_name(name)
    assert 0 < len(file.encode()) < 250 and not set(file) & set('/\\:<>"|?*\0\n') and file not in (".", "..")
    assert not foreign_text.cell(name).lstrip().startswith(tuple("=+-@"))
    assert foreign_text.cell(name).removeprefix("'") in (name, name.removeprefix("'"))
    written = foreign_text.markdown(name)
    assert "\n" not in written and written.count("<") == written.count("\\<")
    assert not set(foreign_text.in_html(name)) & set("<>\"'")


def test_a_plain_name_stays_as_it_is() -> None:
    name = "Größe 写真 2.jpg"
    assert {
        foreign_text.shortened(name),
        foreign_text.printable(name),
        foreign_text.file_name(name),
        foreign_text.cell(name),
        foreign_text.markdown(name),
        foreign_text.in_html(name),
    } == {name}


@pytest.mark.parametrize(
    "name", [*HOSTILE, "\N{GRINNING FACE}" * 60 + ".mp4", "\N{FAMILY}" * 60, "é" * 300, "a" * 199 + "é.mp4"]
)
def test_a_stem_leaves_room_for_what_follows(name: str) -> None:
    stem = foreign_text.file_stem(name)
    assert len(stem.encode()) <= 200 and not set(stem) & set('/\\:<>"|?*\0\n')
    assert stem.encode().decode() == stem  # no letter is cut in two


def test_a_plain_stem_stays_as_it_is() -> None:
    assert foreign_text.file_stem("/videos/Größe 写真 2.mp4") == "Größe 写真 2"
    assert foreign_text.file_stem("clip") == "clip"
