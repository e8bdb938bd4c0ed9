"""A video may be called anything: its frames are written under names that every file system takes."""

from pathlib import Path

import pytest
from video_clips import Clip, clip_bytes

from popscore.video import rank_video
from popscore.video.export import frame_name, sheet_name

NAMES = [
    "\N{GRINNING FACE}" * 60 + ".mp4",
    "\N{GRINNING FACE}" * 60,
    "写" * 80 + ".mp4",
    "é" * 120 + ".mov",
    "e\N{COMBINING ACUTE ACCENT}" * 80 + ".mp4",
    "x" * 250 + ".mp4",
    ".mp4",
    "...",
    "a.b" * 60 + ".mp4",
    "clip." + "\N{GRINNING FACE}" * 10,
    "ends in blanks   .mp4",
    "-o.mp4",
    "CON.mp4",
    "\udcff\udcfe.mp4",
]


@pytest.mark.parametrize("name", [*NAMES, "\N{GRINNING FACE}" * 500, "a/" * 300 + "b.mp4", "\n\r\t\0.mp4", ""])
@pytest.mark.parametrize("time_s", [0.0, 12.48, 359_999.999])
def test_names_of_frames_fit_into_255_bytes(name: str, time_s: float) -> None:
    for found in (frame_name(name, 100, time_s, -123.456), sheet_name(name)):
        assert 0 < len(found.encode()) <= 255
        assert found.endswith(".jpg") and "/" not in found and "\0" not in found


@pytest.mark.parametrize("name", NAMES)
def test_frames_are_written_for_every_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name if len(name.encode(errors="replace")) <= 255 else tmp_path / "clip.mp4"
    path.write_bytes(clip_bytes("clip.mp4", Clip(frames=30)))
    ranking = rank_video(path, name=name, out=tmp_path / "out", every=5, top=2)
    written = {result.image for result in ranking.results} | {ranking.contact_sheet}
    assert ranking.results and None not in written and ranking.errors == []
    assert {found.name for found in (tmp_path / "out").iterdir()} == {found.name for found in written if found}
