"""Videos that claim more than they hold cost nothing; real ones are read as before."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, environment
from hostile_videos import HOSTILE_VIDEOS, grey_clip
from mp4_boxes import Box, boxes, full, packed
from video_clips import Clip, clip_bytes, number_of

from popscore.errors import UnreadableVideo
from popscore.video import VideoLimits, frame_images, rank_video
from popscore.video.decoding import animations, frames
from popscore.video.decoding.opening import open_video
from popscore.video.decoding.refusals import refusals
from popscore.video.decoding.video import Video

MAX_SECONDS, MAX_MEGABYTES = 10.0, 1000
_MEASURE = """
import json, resource, sys, time
from pathlib import Path
from popscore import load_scorer
from popscore.errors import PopscoreError
from popscore.video import frame_images, rank_video

def megabytes():
    # Not ru_maxrss, which begins with what the process that started this one had, and never falls.
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

resource.setrlimit(resource.RLIMIT_AS, (6 << 30,) * 2)
scorer = load_scorer()
ways = {
    "rank": lambda path: rank_video(path, scorer=scorer),
    "images": lambda path: [picture.size for _, picture in frame_images(path, range(0, 400, 5))],
}
for name in sys.stdin:
    path = Path(name.rstrip())
    for way, work in ways.items():
        Path("/proc/self/clear_refs").write_text("5")  # the highest memory is counted anew
        start = time.process_time()
        try:
            work(path)
            outcome = "read"
        except PopscoreError as error:
            outcome = str(error)
        print(json.dumps([way, outcome, time.process_time() - start, megabytes()]), flush=True)
"""


@pytest.mark.slow
def test_hostile_videos_cost_little_and_are_read_or_refused(tmp_path: Path) -> None:
    """One process reads them all: a start of Python costs more than most of them."""
    wrong, command = [], [sys.executable, "-c", _MEASURE]
    child = subprocess.Popen(
        command, cwd=ROOT, env=environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    with child:
        for name, make in HOSTILE_VIDEOS.items():
            path = tmp_path / name
            path.write_bytes(make())
            child.stdin.write(f"{path}\n")
            child.stdin.flush()
            for _ in range(2):
                answer = child.stdout.readline()
                assert answer, f"{name} ended the process"
                way, outcome, seconds, megabytes = json.loads(answer)
                in_words = outcome == "read" or (outcome.startswith(name) and outcome.endswith("."))
                if not in_words or seconds > MAX_SECONDS or megabytes > MAX_MEGABYTES:
                    wrong.append((name, way, outcome, seconds, megabytes))
                print(f"{name}, {way}: {seconds:.1f} s, {megabytes:.0f} MB, {outcome}")
            path.unlink()
    assert wrong == []


def opened(path: Path) -> Video:
    return open_video(path, name=path.name, limits=VideoLimits(), stop=lambda: False)


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UnreadableVideo) as raised:
        opened(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("constant sizes", "more frames than the file holds"),
        ("table stts", "claims more than the file holds"),
        ("run count", "more frames than a video has"),
        ("many edits", "edit list"),
        ("sound chunks", "more sound than the file holds"),
        ("packed lies", "more frames than the file holds"),
        ("shared bytes", "its frames claim more bytes than the file holds"),
        ("large frames in mp4", "its header says 64 x 64"),
        ("gif comments", "Save it again."),
        ("webp chunks", "Save it again."),
    ],
)
def test_the_reason_and_the_next_step_are_told(tmp_path: Path, name: str, words: str) -> None:
    message = refusal(tmp_path / "clip.mp4", HOSTILE_VIDEOS[name]())
    assert message.startswith("clip.mp4 could not be read: ") and words in message
    assert message.endswith(("Convert it to MP4, or record it again.", "or record it again.", "Save it again."))


# --- real files keep working --------------------------------------------------------------------------


def frames_of(path: Path) -> list[int]:
    found = [number_of(picture) for _, picture in frame_images(path, range(200))]
    assert found == list(range(len(found)))
    return found


_REAL = {
    "index at the end": {},
    "index first": {"movflags": "faststart"},
    "fragments": {"movflags": "frag_keyframe+empty_moov"},
    "a fragment for each frame": {"movflags": "frag_every_frame+empty_moov+default_base_moof"},
    "fragments with an index": {"movflags": "frag_keyframe+empty_moov+dash+global_sidx"},
}


@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize("kind", _REAL)
def test_mp4_of_every_kind(tmp_path: Path, kind: str, ending: str) -> None:
    sound = kind != "a fragment for each frame"  # FFmpeg writes wrong times there
    clip = Clip(frames=60, sound=sound, container_options=_REAL[kind], options={"x264-params": "keyint=10:bframes=0"})
    path = tmp_path / f"clip.{ending}"
    path.write_bytes(clip_bytes(path.name, clip))
    assert len(frames_of(path)) == 60


def test_free_and_wide_boxes_and_long_sizes(tmp_path: Path) -> None:
    found = boxes(clip_bytes("clip.mov", Clip(frames=30)))
    extra = [Box(b"wide"), Box(b"free", bytes(1000)), Box(b"skip", b"moov" * 10), Box(b"uuid", bytes(16))]
    at = next(number for number, box in enumerate(found) if box.name == b"mdat") + 1
    path = tmp_path / "clip.mov"
    content = packed(found[:at]) + packed(extra) + packed(found[at:])
    path.write_bytes(
        content + struct.pack(">I4sQ", 1, b"free", 16 + 100) + bytes(100) + struct.pack(">I4s", 0, b"free")
    )
    assert len(frames_of(path)) == 30


def test_an_edit_list_of_a_phone(tmp_path: Path) -> None:
    found = boxes(clip_bytes("clip.mp4", Clip(frames=50)))
    edits = Box(b"", inside=found).get(b"moov", b"trak", b"edts", b"elst")
    (duration, start, rate) = struct.unpack(">IiI", edits.content[8:20])
    edits.content = full(2, rest=struct.pack(">IiIIiI", 40, -1, rate, duration, start, rate))
    (tmp_path / "clip.mp4").write_bytes(packed(found))
    assert len(frames_of(tmp_path / "clip.mp4")) == 50


def test_four_hours_of_sound_and_frames(tmp_path: Path) -> None:
    """The tables of 4 hours at 60 frames a second, and of sound in samples of one tick, beside a few real frames."""
    frames, ticks = 4 * 3600 * 60, 4 * 3600 * 48_000
    found = boxes(clip_bytes("clip.mp4", Clip(frames=3, sound=True)))
    moov = next(box for box in found if box.name == b"moov")
    video, sound = (box.get(b"mdia", b"minf", b"stbl") for box in moov.inside if box.name == b"trak")
    video.get(b"stsz").content = full(0, frames, rest=struct.pack(">I", 900) * frames)
    video.get(b"stts").content = full(1, frames, 512)
    sound.get(b"stsz").content = full(1, ticks)
    sound.get(b"stts").content = full(1, ticks, 1)
    chunks = 4 * 3600
    sound.get(b"stsc").content = full(1, 1, ticks // chunks, 1)
    sound.get(b"stco").content = full(chunks, rest=struct.pack(">I", 48) * chunks)
    path = tmp_path / "clip.mp4"
    path.write_bytes(packed(found))
    with open(path, "ab") as file:
        file.truncate(450_000_000)  # its frames; the file is sparse
    assert opened(path).frame_count >= 3


def test_a_video_may_change_its_size(tmp_path: Path) -> None:
    """As recordings of calls do: MJPEG of 64 x 64, then of 128 x 128."""
    small = clip_bytes("small.avi", Clip(codec="mjpeg", frames=4, size=(64, 64), pix_fmt="yuvj420p"))
    (tmp_path / "clip.avi").write_bytes(small)
    assert len(rank_video(tmp_path / "clip.avi", every=1).points) == 4


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "avi", "ts"])
def test_large_frames_that_the_header_tells_of(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clip.{ending}"
    path.write_bytes(grey_clip(path.name, "libx264", (4096, 2304), 2))
    assert [picture.size for _, picture in frame_images(path, [0, 1], at_least=(64, 36))] == [(64, 36)] * 2


# --- whatever decoders throw --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OverflowError("too large"),
        ZeroDivisionError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        ValueError("odd"),
        KeyError(1),
        RuntimeError(),
        OSError(5, "Input/output error"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_anything_thrown_is_an_error_of_the_video(error: Exception) -> None:
    with pytest.raises(UnreadableVideo, match=r"^clip.mp4 could not be read: .*\.$"), refusals("clip.mp4"):
        raise error


def test_own_errors_pass() -> None:
    with pytest.raises(UnreadableVideo, match=r"^mine$"), refusals("clip.mp4"):
        raise UnreadableVideo("mine")
    with pytest.raises(KeyboardInterrupt), refusals("clip.mp4"):
        raise KeyboardInterrupt


def test_an_impossible_size_of_a_picture_is_an_error_of_the_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip_bytes("clip.mp4", Clip(frames=2)))
    (first, _) = opened(path).frames([0, 1], stop=lambda: False)
    assert isinstance(first, frames.DecodedFrame)
    with pytest.raises(UnreadableVideo, match=r"^clip.mp4 could not be read"):
        frames.DecodedFrame(
            index=0,
            time_s=0,
            damaged=False,
            decoded=first.decoded,
            sample_aspect=float("nan"),
            turn=None,
            reformatter=first.reformatter,
            name="clip.mp4",
        ).image()


def test_a_walk_through_an_animation_ends_at_its_limit() -> None:
    content = HOSTILE_VIDEOS["gif pixels"]()
    with pytest.raises(animations.TooMuch):
        animations._gif_frames(content)
