"""What finding the best frames of a video costs, against decoding it and against ffmpeg's `thumbnail` filter.

    python tests/benchmarks/video.py [--rounds 5] [--seconds 60] [--folder DIR] [--video FILE] [--phone] [--clean]

The video is made first, unless DIR has it already: photographs of scikit-image, five seconds each, with slow pans and
zooms and the noise of a sensor (with `--clean` next to none), 1080p at 30 frames per second, H.264 by x264 as it
comes (preset medium; with `--phone` a keyframe per second and no B-frames). All sides run in turn, so that a busy
machine slows them alike.
CPU time of all threads, by getrusage; medians. `thumbnail=25` runs in PyAV's filter graph, which is ffmpeg's own code
without the cost of starting ffmpeg; the command is a process of its own, start of Python and of the model included.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[2])]

from popscore.video.decoding.opening import open_video  # noqa: E402
from popscore.video.decoding.video import VideoLimits  # noqa: E402

ROOT = Path(__file__).parents[2]
EVERY = 25
RATE = 30
SIZE = (1920, 1080)
SCENE_S = 5
_PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
_NOISE, _LITTLE_NOISE = 5.0, 1.0  # standard deviation, of 255


def make_video(path: Path, seconds: int, parameters: str, noise_sd: float) -> None:
    """Slow pans and zooms over photographs, with fresh noise in every frame."""
    folder = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"
    photos = [Image.open(folder / name).convert("RGB") for name in _PHOTOS]
    photos = [photo.resize((2400, 2400 * photo.height // photo.width), Image.Resampling.LANCZOS) for photo in photos]
    random = np.random.default_rng(0)
    noise = random.normal(0, noise_sd, (SIZE[1] + 256, SIZE[0] + 256, 1)).round().astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "medium", "x264-params": parameters}
        for index in range(seconds * RATE):
            scene, step = divmod(index, SCENE_S * RATE)
            photo, part = photos[scene % len(photos)], step / (SCENE_S * RATE)
            zoom = 0.62 + 0.1 * part if scene % 2 else 0.74 - 0.1 * part
            width = photo.width * zoom
            height = width * SIZE[1] / SIZE[0]
            left = (photo.width - width) * (0.3 + 0.3 * part)
            top = (photo.height - height) * (0.6 - 0.3 * part) if photo.height > height else 0
            picture = photo.transform(
                SIZE,
                Image.Transform.AFFINE,
                (width / SIZE[0], 0, left, 0, height / SIZE[1], top),
                Image.Resampling.BILINEAR,
            )
            across, down = random.integers(0, 256, 2)
            grain = noise[down : down + SIZE[1], across : across + SIZE[0]]
            pixels = (np.asarray(picture, np.int16) + grain).clip(0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p", dst_colorspace="itu709")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def repeat_video(source: Path, path: Path, times: int) -> None:
    """The same packets again and again, without encoding."""
    with av.open(str(path), "w") as target:
        stream = offset = None
        for _ in range(times):
            with av.open(str(source)) as container:
                video = container.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                offset = offset or 0
                length = video.duration
                for packet in container.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    target.mux(packet)
                offset += length


# --- sides --------------------------------------------------------------------------------------------


def decode_everything(path: Path) -> None:
    with av.open(str(path)) as container:
        for _ in container.decode(video=0):
            pass


def decode_wanted(path: Path) -> None:
    video = open_video(path, name=path.name, limits=VideoLimits(), stop=lambda: False)
    for _ in video.frames(range(0, video.frame_count, EVERY), stop=lambda: False, in_order=False):
        pass


def thumbnail_filter(path: Path) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        graph = av.filter.Graph()
        source = graph.add_buffer(template=stream)
        graph.link_nodes(source, graph.add("thumbnail", str(EVERY)), graph.add("buffersink")).configure()

        def pull() -> None:
            while True:
                try:
                    graph.pull()
                except (BlockingIOError, av.EOFError):
                    return

        for frame in container.decode(stream):
            graph.push(frame)
            pull()
        graph.push(None)
        pull()


# The peak is read by the process itself: what wait4 says includes the process that it was forked from.
_COMMAND = """
import sys
from popscore.cli.entry import main
status = main(sys.argv[1:])
with open("/proc/self/status") as file:
    peak_kb = next(line for line in file if line.startswith("VmHWM")).split()[1]
print(peak_kb, file=sys.stderr)
sys.exit(status)
"""


def command(path: Path, *options: str) -> tuple[float, float]:
    """A run of `popscore frames` as a process of its own: CPU seconds, and peak memory in MB."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("POPSCORE_")}
    variables["POPSCORE_MAX_VIDEO_MB"] = "10000"  # ten minutes of this are more than the 500 that are allowed
    arguments = [sys.executable, "-c", _COMMAND, "frames", str(path), "--json", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(arguments, cwd=ROOT, env=variables, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used_s, int(done.stderr.split()[-1]) / 1024


def cpu_s(side: Callable[[Path], None], path: Path) -> float:
    """CPU time of all threads, in seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    side(path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def check_pixels(path: Path) -> None:
    """Stop if a wanted frame is not, pixel by pixel, what decoding everything gives."""
    video = open_video(path, name=path.name, limits=VideoLimits(), stop=lambda: False)
    wanted = range(0, video.frame_count, EVERY)
    found = {
        frame.index: zlib.crc32(frame.decoded.to_ndarray().tobytes())
        for frame in video.frames(wanted, stop=lambda: False, in_order=False)
    }
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % EVERY == 0 and found.pop(index) != zlib.crc32(frame.to_ndarray().tobytes()):
                raise RuntimeError(f"frame {index} differs")
    if found:
        raise RuntimeError(f"frames {sorted(found)} are not there")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--clean", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        kind = ("phone" if options.phone else "camera") + ("_clean" if options.clean else "")
        path = options.video or folder / f"{kind}_{options.seconds}.mp4"
        if not path.exists():
            parameters = "keyint=30:bframes=0" if options.phone else "bframes=3"
            make_video(path, options.seconds, parameters, _LITTLE_NOISE if options.clean else _NOISE)
        long = folder / f"{path.stem}_x10.mp4"
        if not long.exists():
            repeat_video(path, long, 10)
        check_pixels(path)
        sides: dict[str, list[float]] = {
            name: [] for name in ("everything", "wanted", "thumbnail", "exact", "fast", "out")
        }
        memory_mb: dict[str, list[float]] = {"1": [], "10": []}
        for _ in range(options.rounds):
            sides["everything"].append(cpu_s(decode_everything, path))
            sides["wanted"].append(cpu_s(decode_wanted, path))
            sides["thumbnail"].append(cpu_s(thumbnail_filter, path))
            used_s, peak_mb = command(path)
            sides["exact"].append(used_s)
            memory_mb["1"].append(peak_mb)
            sides["fast"].append(command(path, "--fast")[0])
            sides["out"].append(command(path, "--out", str(Path(temporary) / "out"))[0])
        for _ in range(max(1, options.rounds // 2)):
            memory_mb["10"].append(command(long)[1])
    medians = {name: statistics.median(values) for name, values in sides.items()}
    titles = {
        "everything": "decode every frame with PyAV",
        "wanted": f"decode each {EVERY}th, identical",
        "thumbnail": f"decode, filter thumbnail={EVERY}",
        "exact": "popscore frames",
        "out": "popscore frames --out",
        "fast": "popscore frames --fast",
    }
    print(f"{path.name}, {options.rounds} rounds, CPU seconds: median (min to max)")
    for name, title in titles.items():
        print(f"  {title:<32} {medians[name]:6.2f} ({min(sides[name]):.2f} to {max(sides[name]):.2f})")
    print("ratios of the medians")
    for one, other, most in (
        ("wanted", "everything", 0.65),
        ("exact", "thumbnail", 0.70),
        ("out", "thumbnail", None),
        ("fast", "exact", 0.25),
    ):
        target = f"  (target: at most {most})" if most else ""
        print(f"  {titles[one]} / {titles[other]}: {medians[one] / medians[other]:.2f}{target}")
    short_mb, long_mb = (statistics.median(memory_mb[minutes]) for minutes in ("1", "10"))
    print(f"peak memory: {short_mb:.0f} MB, of ten times the length {long_mb:.0f} MB (target: at most 20 MB more)")


if __name__ == "__main__":
    main()
