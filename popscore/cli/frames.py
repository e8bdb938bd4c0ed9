"""The command `frames`. PyAV is imported only when it runs."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

import popscore
from popscore.cli.terminal import Progress, colored, complain, printable
from popscore.settings import Settings

if TYPE_CHECKING:
    from popscore.video import VideoRanking

_EVERY, _TOP = 25, 5


def add_frames_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", whole_number: Callable[[str], int]
) -> argparse.ArgumentParser:
    """Add the command with its own arguments.

    Args:
        commands: of the parser.
        whole_number: turns text into a whole number above 0.
    """
    frames = commands.add_parser(
        "frames", help="the best frames of a video", description="Find the best moments of a video, the best one first."
    )
    frames.add_argument("video", metavar="VIDEO", help="a video, or an animated GIF or WebP")
    frames.add_argument(
        "--every", type=whole_number, default=_EVERY, metavar="N", help=f"score each N-th frame ({_EVERY})"
    )
    frames.add_argument(
        "--fast", action="store_true", help="score keyframes first, others only where these promise most"
    )
    frames.add_argument(
        "--top", type=whole_number, default=_TOP, metavar="K", help=f"so many different moments at most ({_TOP})"
    )
    frames.add_argument("--out", metavar="DIR", help="write them as JPEGs in full size, and a contact sheet")
    return frames


def frames_of(options: argparse.Namespace) -> "VideoRanking":
    """Find the best frames; write the files that were asked for.

    Raises:
        PopscoreError: there is no model, or the video cannot be read.
    """
    from popscore.video import VideoLimits, rank_video

    settings = Settings.from_environment()
    scorer = popscore.load_scorer(settings)
    if scorer.model.notice:
        complain(scorer.model.notice)
    with Progress(of="frames") as progress:
        return rank_video(
            options.video,
            scorer=scorer,
            every=options.every,
            fast=options.fast,
            top=options.top,
            out=options.out,
            on_progress=progress.update,
            limits=VideoLimits(max_bytes=settings.max_video_bytes),
        )


def frames_text(ranking: "VideoRanking") -> str:
    """The best frames as a table: rank, score, time, frame, and the file or the label."""
    lines = []
    for frame in ranking.results:
        label = colored(f"{frame.label:<9}", frame.color)
        place = f"{_time(frame.time_s):>11}  frame {frame.frame_index:<7}"
        written = "" if frame.image is None else f"  {printable(str(frame.image))}"
        lines.append(f"{frame.rank:>5}  {frame.score:6.2f}  {label}  {place}{written}".rstrip() + "\n")
    return "".join(lines)


def _time(time_s: float) -> str:
    minutes, thousandths = divmod(round(time_s * 1000), 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{thousandths / 1000:06.3f}"
