"""The command `frames`. PyAV is imported only when it runs."""

import argparse
from typing import TYPE_CHECKING

import popscore
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_bank, add_json, opened_bank, whole_number
from popscore.cli.score import personal_remark
from popscore.cli.terminal import Progress, colored, complain, write
from popscore.foreign_text import printable
from popscore.settings import Settings

if TYPE_CHECKING:
    from popscore.video import VideoRanking

_EVERY, _TOP = 25, 5


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
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
    add_bank(frames)
    add_json(frames)
    return frames


def run(options: argparse.Namespace) -> int:
    """Find the best frames, print them, and write the files that were asked for."""
    ranking = _ranking(options)
    write(json_text(ranking.to_json()) if options.json else _text(ranking))
    for notice in ranking.notices:
        complain(notice)
    return status(ranking.results, ranking.errors)


def _ranking(options: argparse.Namespace) -> "VideoRanking":
    from popscore.video import VideoLimits, rank_video

    settings = Settings.from_environment()
    scorer = popscore.load_scorer(settings)
    announce(scorer.model)
    bank = opened_bank(options, scorer)
    with Progress(of="frames") as progress:
        return rank_video(
            options.video,
            scorer=scorer,
            every=options.every,
            fast=options.fast,
            top=options.top,
            out=options.out,
            on_progress=progress.update,
            limits=VideoLimits.of(settings),
            bank=bank,
        )


def _text(ranking: "VideoRanking") -> str:
    """The best frames as a table: rank, score, time, frame, and the file or the label."""
    lines = []
    for frame in ranking.results:
        label = colored(f"{frame.label:<9}", frame.color)
        place = f"{_time(frame.time_s):>11}  frame {frame.frame_index:<7}"
        written = "" if frame.image is None else f"  {printable(str(frame.image))}"
        row = f"{frame.rank:>5}  {frame.order_score:6.2f}  {label}  {place}{written}{personal_remark(frame)}"
        lines.append(row.rstrip() + "\n")
    return "".join(lines)


def _time(time_s: float) -> str:
    minutes, thousandths = divmod(round(time_s * 1000), 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{thousandths / 1000:06.3f}"
