"""Bad videos: a clear refusal, or a result that says what is wrong; never a hang."""

import os
import struct
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from video_clips import RATE, Clip, make_clip, number_of, numbered, silence

from popscore.errors import UnreadableVideo, VideoTooLarge
from popscore.video.decoding.opening import open_video
from popscore.video.decoding.video import Video, VideoLimits, clock

KEYED = Clip(frames=100, options={"x264-params": "keyint=10:bframes=2"})
FIRST_INDEX = {"movflags": "faststart"}


def opened(path: Path, **limits: float) -> Video:
    return open_video(path, name=path.name, limits=VideoLimits(**limits), stop=lambda: False)


def numbers(video: Video, every: int = 5) -> list[int]:
    frames = list(video.frames(range(0, video.frame_count, every), stop=lambda: False))
    assert all(number_of(frame.image()) == frame.index for frame in frames if not frame.damaged)
    return [frame.index for frame in frames if not frame.damaged]


def changed(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refused(path: Path, *words: str, error: type[Exception] = UnreadableVideo) -> None:
    started_s = time.monotonic()
    with pytest.raises(error) as raised:
        opened(path)
    message = str(raised.value)
    assert message.startswith(path.name)
    assert message.endswith(".")
    assert str(path.parent) not in message
    for word in words:
        assert word in message
    assert time.monotonic() - started_s < 10


# --- not a video --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty (0 bytes)"),
        (b"hello, this is a text\n" * 100, "it is not a video"),
        (os.urandom(5000), "it is not a video"),
        (b"%PDF-1.7\n" + b"x" * 3000, "it is not a video"),
        (b"\x1aE\xdf\xa3" + b"\x01" * 3000, "damaged"),
        (b"RIFF\x00\x10\x00\x00AVI " + b"\0" * 3000, "damaged"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\0" * 3000, "index (moov) is missing"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "it is not a video"),
        (b"ffconcat version 1.0\nfile 'clip.mp4'\n", "it is not a video"),
        (b"GIF89a" + b"\0" * 20, "it has no frames"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8X", "it has no frames"),
    ],
    ids=["empty", "text", "noise", "pdf", "mkv", "avi", "mp4", "playlist", "concat", "gif", "webp"],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    refused(changed(tmp_path / "clip.mp4", content), words)


def test_a_playlist_is_not_followed(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", Clip(frames=3))
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", str(clip), "#EXT-X-ENDLIST", ""]
    for name in ("list.m3u8", "list.mp4"):
        refused(changed(tmp_path / name, "\n".join(lines).encode()), "it is not a video")


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "avif"])
def test_a_photo_is_called_a_photo(tmp_path: Path, ending: str) -> None:
    numbered(1).save(tmp_path / f"photo.{ending}")
    refused(tmp_path / f"photo.{ending}", "is a photo, not a video")


def test_missing_file_folder_and_pipe(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.mp4", "there is no such file")
    (tmp_path / "folder.mp4").mkdir()
    refused(tmp_path / "folder.mp4", "is a folder")
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(tmp_path / "pipe.mp4", "not a regular file")
    with pytest.raises(UnreadableVideo, match="Check the path"):
        open_video("a\0b.mp4", name="odd", limits=VideoLimits(), stop=lambda: False)


def test_names_that_look_like_addresses_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.mp4|b.mp4", "data:video", "-i.mp4", "%d.mp4", "a?b#c.mp4"):
        make_clip(tmp_path / "clip.mp4", Clip(frames=3)).rename(tmp_path / name)
        video = open_video(name, name=name, limits=VideoLimits(), stop=lambda: False)
        assert numbers(video, 1) == [0, 1, 2], name


@pytest.mark.parametrize("name", ["clip.jpg", "clip.avi", "clip.txt", "clip", "clip.gif"])
def test_the_ending_does_not_matter(tmp_path: Path, name: str) -> None:
    path = make_clip(tmp_path / "clip.mp4", Clip(frames=30)).rename(tmp_path / name)
    assert numbers(opened(path), 7) == [0, 7, 14, 21, 28]


# --- streams ------------------------------------------------------------------------------------------


def sound_file(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        container.mux(silence(container.add_stream("aac", rate=8000), 1))
    return path


def with_cover(path: Path, picture: bytes) -> Path:
    """The same MP4 with a cover picture, as music shops write it: moov, udta, meta, ilst, covr."""
    content = bytearray(path.read_bytes())
    data = struct.pack(">I4sII", 16 + len(picture), b"data", 14, 0) + picture
    cover = struct.pack(">I4s", 8 + len(data), b"covr") + data
    moov = atom(content, b"moov")
    places = [moov + atom(content[moov:], name) for name in (b"moov", b"udta", b"meta", b"ilst")]
    end = places[-1] + struct.unpack_from(">I", content, places[-1])[0]
    for place in places:
        struct.pack_into(">I", content, place, struct.unpack_from(">I", content, place)[0] + len(cover))
    return changed(path, bytes(content[:end] + cover + content[end:]))


@pytest.mark.parametrize("ending", ["m4a", "mp4", "mkv"])
def test_sound_alone(tmp_path: Path, ending: str) -> None:
    refused(sound_file(tmp_path / f"song.{ending}"), "it holds only sound.")


def test_sound_with_a_cover_picture(tmp_path: Path) -> None:
    numbered(1).save(tmp_path / "cover.png")
    song = with_cover(sound_file(tmp_path / "song.m4a"), (tmp_path / "cover.png").read_bytes())
    with av.open(str(song)) as container:
        assert len(container.streams.video) == 1, "the cover must look like a video stream, or nothing is tested"
    refused(song, "it holds only sound and a cover picture.")


def test_a_cover_picture_beside_the_video_is_left_alone(tmp_path: Path) -> None:
    Image.new("RGB", (640, 640), "red").save(tmp_path / "cover.png")
    clip = with_cover(make_clip(tmp_path / "clip.mp4", Clip(frames=30)), (tmp_path / "cover.png").read_bytes())
    assert numbers(opened(clip)) == list(range(0, 30, 5))


def test_sound_beside_the_video_does_no_harm(tmp_path: Path) -> None:
    assert numbers(opened(make_clip(tmp_path / "clip.mp4", Clip(frames=50, sound=True)))) == list(range(0, 50, 5))


def test_zero_frames_and_one(tmp_path: Path) -> None:
    make_clip(tmp_path / "none.mkv", Clip(frames=0, sound=True))
    refused(tmp_path / "none.mkv", "it has no frames")
    one = opened(make_clip(tmp_path / "one.mp4", Clip(frames=1)))
    assert (numbers(one), one.frame_count, one.duration_s) == ([0], 1, pytest.approx(1 / RATE))


@pytest.mark.parametrize("scheme", ["cenc-aes-ctr"])
def test_encrypted(tmp_path: Path, scheme: str) -> None:
    options = {"encryption_scheme": scheme, "encryption_key": "ab" * 16, "encryption_kid": "cd" * 16}
    refused(make_clip(tmp_path / "film.mp4", Clip(frames=10, container_options=options)), "it is encrypted")


# --- damage -------------------------------------------------------------------------------------------


def atom(content: bytes, name: bytes) -> int:
    """Where an MP4 atom begins."""
    return content.index(name) - 4


def test_a_missing_index_at_the_end_is_told(tmp_path: Path) -> None:
    content = make_clip(tmp_path / "clip.mp4", KEYED).read_bytes()
    refused(changed(tmp_path / "cut.mp4", content[: atom(content, b"moov")]), "its index (moov) is missing")


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_of_a_file_cut_short_the_rest_is_used(tmp_path: Path, name: str) -> None:
    options = FIRST_INDEX if name.endswith("mp4") else {}
    clip = Clip(frames=100, options=KEYED.options, container_options=options)
    if name.endswith("avi"):
        clip = Clip(frames=100, codec="mjpeg", pix_fmt="yuvj420p")
    content = make_clip(tmp_path / f"whole_{name}", clip).read_bytes()
    video = opened(changed(tmp_path / name, content[: len(content) * 6 // 10]))
    found = numbers(video)
    assert len(found) >= 5
    assert found == list(range(0, 5 * len(found), 5))
    assert found[-1] < 95
    if not name.endswith("ts"):  # a transport stream may begin and end anywhere
        assert any("ends after" in trouble or "damaged" in trouble for trouble in video.troubles), video.troubles


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_of_an_animation_cut_short_the_rest_is_used(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clip.{ending}"
    pictures = [numbered(index) for index in range(40)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, lossless=True)
    content = path.read_bytes()
    video = opened(changed(path, content[: len(content) // 2]))
    found = numbers(video, 1)
    if ending == "gif":
        assert len(found) >= 10
        assert found == list(range(len(found)))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts"])
def test_corruption_in_the_middle_leaves_the_rest(tmp_path: Path, name: str) -> None:
    content = bytearray(make_clip(tmp_path / f"whole_{name}", KEYED).read_bytes())
    middle = len(content) * 4 // 10
    content[middle : middle + 1500] = np.random.default_rng(1).bytes(1500)
    video = opened(changed(tmp_path / name, bytes(content)))
    frames = [frame for frame in video.frames(range(video.frame_count), stop=lambda: False) if not frame.damaged]
    assert len(frames) >= 40
    assert frames[0].index == 0
    assert frames[-1].time_s > 3.5
    # Packets that were lost without a trace leave no number, so that only the time of what follows is known.
    start_s = frames[0].time_s
    assert all(number_of(frame.image()) == round((frame.time_s - start_s) * RATE) for frame in frames)
    if name == "clip.mp4":
        assert all(number_of(frame.image()) == frame.index for frame in frames)
    assert any("is damaged: what could be decoded was used" in trouble for trouble in video.troubles)


def test_noise_everywhere_never_hangs(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    for name in ("clip.mp4", "clip.mkv", "clip.avi", "clip.webm"):
        codec = "libvpx" if name.endswith("webm") else "libx264"
        whole = make_clip(tmp_path / name, Clip(codec=codec, frames=30)).read_bytes()
        for _ in range(12):
            content = bytearray(whole)
            for place in random.integers(0, len(content), 40):
                content[place] = random.integers(256)
            started_s = time.monotonic()
            try:
                video = opened(changed(tmp_path / f"noisy_{name}", bytes(content)))
                for frame in video.frames(range(0, video.frame_count, 3), stop=lambda: False):
                    frame.image(at_least=(32, 32))
            except (UnreadableVideo, VideoTooLarge):
                pass
            assert time.monotonic() - started_s < 10


def test_a_header_of_four_hours_on_two_seconds(tmp_path: Path) -> None:
    started_s = time.monotonic()
    content = bytearray(make_clip(tmp_path / "clip.mp4", Clip(frames=50)).read_bytes())
    for name in (b"mvhd", b"mdhd"):  # version 0: times of creation and change, ticks per second, duration
        at = content.index(name) + 4
        (ticks,) = struct.unpack_from(">I", content, at + 12)
        struct.pack_into(">I", content, at + 16, 4 * 3600 * ticks)
    struct.pack_into(">I", content, content.index(b"tkhd") + 4 + 20, 4 * 3600 * 1000)
    struct.pack_into(">I", content, content.index(b"elst") + 4 + 8, 4 * 3600 * 1000)
    video = opened(changed(tmp_path / "long.mp4", bytes(content)))
    assert numbers(video) == list(range(0, 50, 5))
    assert video.duration_s == pytest.approx(2)
    # Matroska: the element Duration (0x4489), 8 bytes of floating point, in milliseconds.
    content = bytearray(make_clip(tmp_path / "clip.mkv", Clip(frames=50)).read_bytes())
    struct.pack_into(">d", content, content.index(b"\x44\x89\x88") + 3, 4 * 3600 * 1000)
    video = opened(changed(tmp_path / "long.mkv", bytes(content)))
    assert numbers(video) == list(range(0, 50, 5))
    assert list(video.troubles) == ["ends after 0:02, though it says that it is 4:00:00 long"]
    assert time.monotonic() - started_s < 5


# --- limits -------------------------------------------------------------------------------------------


def test_more_bytes_than_allowed(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Clip(frames=30))
    with pytest.raises(VideoTooLarge, match=r"clip.mp4 is too large: .* the limit is 0.001 MB.*POPSCORE_MAX_VIDEO_MB"):
        opened(path, max_bytes=1000)


def test_a_sparse_file_of_500_megabytes_is_refused_unread(tmp_path: Path) -> None:
    with open(tmp_path / "large.mp4", "wb") as file:
        file.truncate(500_000_001)
    refused(tmp_path / "large.mp4", "the limit is 500 MB", error=VideoTooLarge)


def test_the_budget_of_frames_holds(tmp_path: Path) -> None:
    video = opened(make_clip(tmp_path / "clip.mp4", Clip(frames=100)), max_frames=40)
    assert video.frame_count == 40
    assert video.troubles[0].startswith("is very long")
    pictures = [numbered(index) for index in range(10)]
    pictures[0].save(tmp_path / "clip.gif", save_all=True, append_images=pictures[1:], duration=40)
    assert opened(tmp_path / "clip.gif", max_frames=4).frame_count == 4


def test_stopping_stops(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Clip(frames=100))
    video = open_video(path, name="clip", limits=VideoLimits(), stop=lambda: True)
    assert video.frame_count == 1
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 30

    for in_order in (True, False):
        asked = 0
        assert len(list(opened(path).frames(range(100), stop=stop, in_order=in_order))) < 40


def test_frames_of_too_many_pixels(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.avi", Clip(codec="rawvideo", frames=1, size=(64, 64), pix_fmt="rgb24"))
    content = path.read_bytes()
    for name, at in ((b"avih", 4 + 32), (b"strf", 4 + 4)):
        begins = content.index(name) + 4 + at
        content = content[:begins] + struct.pack("<II", 12_000, 12_000) + content[begins + 8 :]
    refused(changed(tmp_path / "huge.avi", content), "12000 x 12000 pixels", error=VideoTooLarge)
    gif = b"GIF89a" + struct.pack("<HHBBB", 65_000, 65_000, 0, 0, 0) + b"," + b"\0" * 8 + b"\0\x02\x02D\x01\0;"
    refused(changed(tmp_path / "huge.gif", gif), "65000 x 65000 pixels", error=VideoTooLarge)


@pytest.mark.parametrize(("time_s", "words"), [(2, "0:02"), (59.6, "1:00"), (3661, "1:01:01"), (14_400, "4:00:00")])
def test_clock(time_s: float, words: str) -> None:
    assert clock(time_s) == words


def test_picture_of_an_alpha_mode_is_rgb(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mov", Clip(codec="qtrle", frames=2, pix_fmt="argb"))
    (frame,) = opened(path).frames([1], stop=lambda: False)
    assert isinstance(frame.image(), Image.Image)
    assert number_of(frame.image()) == 1
