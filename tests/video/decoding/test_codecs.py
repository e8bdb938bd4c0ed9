"""Every codec and container gives exactly the frames that were asked for, by number and by pixel."""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import av
import pytest
from PIL import Image
from video_clips import RATE, Clip, make_clip, number_of, numbered

from popscore.video.decoding import files
from popscore.video.decoding.files import VideoFile
from popscore.video.decoding.frames import Frame
from popscore.video.decoding.opening import open_video
from popscore.video.decoding.video import Video, VideoLimits

EVERY = 7
FRAMES = 60
WANTED = range(0, FRAMES, EVERY)
# Uneven times, and two long pauses.
UNEVEN = [40 * index + 5 * (index % 7) + 500 * (index // 20) for index in range(FRAMES)]


def x264(parameters: str, **more: object) -> Clip:
    return Clip(options={"x264-params": parameters}, **more)


def x265(parameters: str) -> Clip:
    return Clip(codec="libx265", options={"x265-params": f"log-level=none:{parameters}"})


H264 = x264("keyint=20:bframes=3:b-pyramid=normal")
OPEN = x264("open-gop=1:keyint=12:min-keyint=12:bframes=3")
VP9 = Clip(
    codec="libvpx-vp9",
    options={"deadline": "good", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16", "g": "30"},
)
AV1 = Clip(codec="libsvtav1", options={"preset": "12", "g": "20"})
MPEG4 = Clip(codec="mpeg4", options={"bf": "2", "g": "12", "b": "2000k"})
MPEG2 = Clip(codec="mpeg2video", options={"bf": "2", "g": "12", "b": "2000k"})
MJPEG = Clip(codec="mjpeg", pix_fmt="yuvj420p")
PRORES = Clip(codec="prores_ks", pix_fmt="yuv422p10le")

# Their times tell the order of frames, so that what is not needed is left out.
PLANNED = {
    "h264.mp4": H264,
    "h264.mov": H264,
    "h264.mkv": H264,
    "h264.ts": H264,
    "h264.flv": H264,
    "no_b_frames.avi": x264("bframes=0:keyint=20"),
    "open_gop.mp4": OPEN,
    "open_gop.mkv": OPEN,
    "intra_refresh.mp4": x264("intra-refresh=1:keyint=12:bframes=3"),
    "interlaced.mp4": Clip(options={"x264-params": "interlaced=1:keyint=20:bframes=3", "flags": "+ildct+ilme"}),
    "uneven.mp4": x264("keyint=20", times=UNEVEN),
    "uneven.mkv": x264("keyint=20", times=UNEVEN),
    "hevc.mp4": x265("keyint=20:open-gop=1"),
    "hevc.mkv": x265("keyint=20:open-gop=0"),
    "hevc_layers.mp4": x265("keyint=20:temporal-layers=3"),
    "vp9.webm": VP9,
    "vp9.mkv": VP9,
    "vp9.mp4": VP9,
    "av1.mp4": AV1,
    "av1.webm": AV1,
    "av1.mkv": AV1,
    "mpeg4.mp4": MPEG4,
    "mpeg4.mkv": MPEG4,
    "mpeg2.mkv": MPEG2,
    "mpeg2.ts": MPEG2,
    "mjpeg.avi": MJPEG,
    "mjpeg.mov": MJPEG,
    "prores.mov": PRORES,
    "prores.mkv": PRORES,
}
# No times, or times of decoding: everything is decoded, and frames are counted.
COUNTED = {"h264.avi": H264, "mpeg4.avi": MPEG4, "h264.h264": H264, "h264.asf": H264}
CLIPS = PLANNED | COUNTED


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def made(clips: Path, name: str) -> Path:
    path = clips / name
    return path if path.exists() else make_clip(path, CLIPS[name])


def opened(path: Path, **limits: float) -> Video:
    return open_video(path, name=path.name, limits=VideoLimits(**limits), stop=lambda: False)


def decoded_by_pyav(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


def as_they_come(video: Video, wanted: Sequence[int]) -> Generator[Frame]:
    return video.frames(wanted, stop=lambda: False, in_order=False)


@pytest.mark.parametrize("name", CLIPS)
def test_exactly_the_wanted_frames_come(clips: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(clips, name)
    counted: list[str] = []
    count = VideoFile._counted
    monkeypatch.setattr(
        VideoFile, "_counted", lambda self, *arguments: counted.append(self.name) or count(self, *arguments)
    )
    video = opened(path)
    assert video.frame_count == FRAMES
    frames = list(video.frames(WANTED, stop=lambda: False))
    assert [frame.index for frame in frames] == list(WANTED)
    assert [number_of(frame.image()) for frame in frames] == list(WANTED)
    everything = decoded_by_pyav(path)
    assert len(everything) == FRAMES
    for frame in frames:
        assert frame.decoded.to_ndarray().tobytes() == everything[frame.index], frame.index
    monkeypatch.setattr(files, "_PACKETS_EACH", 1)
    monkeypatch.setattr(files, "usable_cpus", lambda: 2)
    beside = {frame.index: frame.decoded.to_ndarray().tobytes() for frame in as_they_come(video, WANTED)}
    assert beside == {index: everything[index] for index in WANTED}
    assert bool(counted) == (name in COUNTED)
    assert not video.troubles


@pytest.mark.parametrize("name", CLIPS)
def test_times_are_those_of_the_player(clips: Path, name: str) -> None:
    times_s = [ms / 1000 for ms in UNEVEN] if name.startswith("uneven") else [index / RATE for index in range(FRAMES)]
    for frame in opened(made(clips, name)).frames(WANTED, stop=lambda: False):
        # FFmpeg lets an AVI of H.264 begin one frame late. Matroska counts in milliseconds.
        late_s = 1 / RATE if name == "no_b_frames.avi" else 0
        assert frame.time_s == pytest.approx(times_s[frame.index] + late_s, abs=0.0011)


@pytest.mark.parametrize("name", PLANNED)
def test_keyframes_alone(clips: Path, name: str) -> None:
    video = opened(made(clips, name))
    keyframes = video.keyframes()
    found = video.keyframes_alone(keyframes, stop=lambda: False)
    frames = sorted(found, key=lambda frame: frame.index)
    assert keyframes[0] == 0
    assert [frame.index for frame in frames] == list(keyframes)
    if name != "intra_refresh.mp4":  # its keyframes are no whole pictures, so everything is decoded
        assert [number_of(frame.image()) for frame in frames] == list(keyframes)


@pytest.mark.parametrize("wanted", [[0], [59], [13, 14], [19, 20, 21], list(range(60)), [0, 200], []])
@pytest.mark.parametrize("name", ["h264.mp4", "open_gop.mp4", "hevc.mp4", "vp9.webm", "h264.avi", "prores.mov"])
def test_any_choice_of_frames(clips: Path, name: str, wanted: list[int]) -> None:
    video = opened(made(clips, name))
    there = [index for index in wanted if index < FRAMES]
    assert [number_of(frame.image()) for frame in video.frames(wanted, stop=lambda: False)] == there
    assert sorted(number_of(frame.image()) for frame in as_they_come(video, wanted)) == there


# --- animations ---------------------------------------------------------------------------------------


def animation(path: Path, durations_ms: list[int], **options: object) -> Path:
    pictures: Iterator[Image.Image] = (numbered(index) for index in range(len(durations_ms)))
    first = next(pictures)
    first.save(path, save_all=True, append_images=list(pictures), duration=durations_ms, **options)
    return path


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_animations(tmp_path: Path, ending: str) -> None:
    durations_ms = [40 + 10 * (index % 5) for index in range(30)]
    options = {"lossless": True} if ending == "webp" else {}
    video = opened(animation(tmp_path / f"clip.{ending}", durations_ms, **options))
    assert video.frame_count == 30
    assert video.duration_s == pytest.approx(sum(durations_ms) / 1000)
    frames = list(video.frames([0, 7, 29], stop=lambda: False))
    assert [number_of(frame.image()) for frame in frames] == [0, 7, 29]
    times_s = [sum(durations_ms[:index]) / 1000 for index in (0, 7, 29)]
    assert [frame.time_s for frame in frames] == pytest.approx(times_s)


def test_a_still_webp_is_one_frame(tmp_path: Path) -> None:
    numbered(5).save(tmp_path / "still.webp", lossless=True)
    (frame,) = opened(tmp_path / "still.webp").frames([0, 25], stop=lambda: False)
    assert number_of(frame.image()) == 5


def test_transparency_becomes_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (40, 30), (10, 20, 30, 0))
    clear.paste((200, 0, 0, 255), (0, 0, 20, 30))
    for ending in ("gif", "webp"):
        path = tmp_path / f"clear.{ending}"
        turned = [clear.rotate(180)]
        # `exact`: otherwise the encoder stores the red half alone, and the file says that nothing is clear.
        clear.save(path, save_all=True, append_images=turned, duration=100, lossless=True, exact=True, disposal=2)
        first, second = (frame.image() for frame in opened(path).frames([0, 1], stop=lambda: False))
        assert first.getpixel((30, 15)) == (255, 255, 255), ending
        assert second.getpixel((10, 15)) == (255, 255, 255), ending
        assert first.getpixel((10, 15))[0] > 190, ending


def test_gif_frames_without_a_time_take_a_tenth_of_a_second(tmp_path: Path) -> None:
    assert opened(animation(tmp_path / "fast.gif", [0, 0, 0, 0])).duration_s == pytest.approx(0.4)
