"""The command `pairs`."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popscore.cli.answers import json_text
from popscore.cli.arguments import Commands, add_json, fitting_number, whole_number_or_zero
from popscore.cli.terminal import ALL_WELL, NOTHING_DONE, SOME_FAILED, Progress, complain, complain_about, write
from popscore.errors import InvalidSetting
from popscore.foreign_text import printable

if TYPE_CHECKING:
    from popscore.posts import PairSet, RowError, Statistics

_NAMES = ("id", "user", "time", "likes", "caption", "image", "images", "video")
_SHOWN_ERRORS = 10


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    pairs = commands.add_parser(
        "pairs",
        help="pairs of photos of which one was liked more, from a table of posts",
        description="Make the most pairs of photos that one user posted in much the same way and that were liked "
        "clearly unlike. The defaults are the constraints of Ding, Ma & Wang 2019.",
    )
    pairs.add_argument("posts", metavar="POSTS", help="a table of posts: .csv, .tsv, .jsonl or .parquet")
    pairs.add_argument("--out", metavar="PAIRS", required=True, help="the table to write: .csv, .jsonl or .parquet")
    source = pairs.add_argument_group("the table")
    source.add_argument(
        "--column",
        metavar="NAME=COLUMN",
        type=column,
        action="append",
        default=[],
        help=f"which column holds NAME, one of {', '.join(_NAMES)}; usual names are found without",
    )
    source.add_argument("--encoding", help="of the text, where it is not UTF-8: cp1252, latin-1 and so on")
    source.add_argument(
        "--collected", type=_date, metavar="DATE", help="when the posts were collected; the newest post by default"
    )
    source.add_argument(
        "--from-shortcodes",
        action="store_true",
        help="POSTS holds pairs of shortcodes: read their times, make no pairs",
    )
    which = pairs.add_argument_group("the constraints")
    which.add_argument(
        "--threshold",
        type=_share,
        default=0.95,
        metavar="T",
        help="least probability that the winner is the better liked (.95); .5: any difference will do",
    )
    which.add_argument("--sigma", type=_positive, default=0.3, help="standard deviation of the noise in log likes (.3)")
    which.add_argument("--days", type=_days, default=10.0, metavar="N|any", help="most days between the two posts (10)")
    which.add_argument(
        "--older-than",
        type=_age,
        default=30.0,
        metavar="N|month|any",
        help="least days between a post and the collection (30), or a month of the calendar",
    )
    which.add_argument(
        "--min-likes", type=whole_number_or_zero, default=50, metavar="N", help="fewest likes of each post (50)"
    )
    which.add_argument(
        "--max-words",
        type=_words,
        default=6,
        metavar="N|any",
        help="most words in each caption, hashtags and mentions not counted (6)",
    )
    which.add_argument("--any-tags", action="store_true", help="hashtags and mentions may differ")
    which.add_argument("--several-images", action="store_true", help="also posts of several images, and videos")
    which.add_argument("--any-user", action="store_true", help="the two may be of different users")
    which.add_argument("--repeat-images", action="store_true", help="all allowed pairs; an image may be in many")
    which.add_argument(
        "--in-blocks",
        action="store_true",
        help="pairs within blocks of --days days only: fewer, but never slow where a user posted very much",
    )
    pairs.add_argument(
        "--costs", action="store_true", help="also count the pairs when one constraint at a time is dropped"
    )
    add_json(pairs)
    return pairs


def run(options: argparse.Namespace) -> int:
    """Make the pairs, write them, and say how many there are and what became of the posts."""
    from popscore.files.atomic import check_target
    from popscore.posts.pair_file import check_kind

    check_kind(options.out)
    check_target(Path(options.out))
    if Path(options.out).resolve() == Path(options.posts).resolve():
        raise InvalidSetting("--out names the table of posts itself. Name another file.")
    return _decode(options) if options.from_shortcodes else _make(options)


# --- pairs from posts ---------------------------------------------------------------------------------


def _make(options: argparse.Namespace) -> int:
    from popscore.posts import Constraints, costs, make_pairs, read_posts, write_pairs

    constraints = Constraints(
        threshold=options.threshold,
        sigma=options.sigma,
        days=options.days,
        older_than=options.older_than,
        collected=options.collected,
        min_likes=options.min_likes,
        max_words=options.max_words,
        same_tags=not options.any_tags,
        single_image=not options.several_images,
        same_user=not options.any_user,
        once=not options.repeat_images,
        in_blocks=options.in_blocks,
    )
    posts = read_posts(options.posts, columns=dict(options.column), encoding=options.encoding)
    with Progress(of="posts") as progress:
        made = make_pairs(posts, constraints, on_progress=progress.update)
    dropped = costs(posts, constraints) if options.costs else None
    if len(made):
        write_pairs(made, options.out)
    statistics = made.statistics()
    if options.json:
        errors = [*_row_errors(options.posts, posts.errors), *_left_out(options.posts, made)]
        document = {
            "model": None,
            "results": [{"file": options.out, **statistics.to_json()}],
            "errors": errors,
            "rows": {"read": posts.rows, "failed": posts.failed, "duplicates": posts.duplicates, "posts": len(posts)},
            "columns": dict(posts.columns),
            "steps": [{"reason": step.name, "fell": step.fell, "left": step.left} for step in made.steps],
        }
        write(json_text(document if dropped is None else {**document, "pairs_without": dict(dropped)}))
    else:
        write("".join(_lines(options, made, statistics, dropped)))
    for missing in _unchecked(options, made):
        complain(missing)
    return _status(posts.errors, posts.failed, made.too_large, some=len(made) > 0)


def _lines(options: argparse.Namespace, made: "PairSet", statistics: "Statistics", dropped: Any) -> Iterator[str]:
    from popscore.posts.pairs import PAPER

    posts = made.posts
    yield f"{posts.rows:>9,}  rows in {printable(options.posts)}\n"
    if posts.failed:
        yield f"{-posts.failed:>9,}  rows that cannot be read\n"
    if posts.duplicates:
        yield f"{-posts.duplicates:>9,}  rows whose photo was there before\n"
    for step in made.steps:
        yield f"{-step.fell:>9,}  {step.name}\n"
    left = made.steps[-1].left
    yield f"{statistics.posts - left:>9,}  no partner left\n"
    yield f"{statistics.posts:>9,}  posts in {len(made):,} pair{'' if len(made) == 1 else 's'}\n\n"
    yield f"{'':<28}{'here':>10}{'paper':>12}\n"
    for name, words, form in _TABLE:
        here, theirs = getattr(statistics, name), getattr(PAPER, name)
        yield f"{words:<28}{_shown(here, form):>10}{_shown(theirs, form):>12}\n"
    if dropped:
        yield "\nPairs when one constraint alone is dropped:\n"
        for name, count in dropped.items():
            yield f"{count if count is not None else 'too many':>9}  {name}\n"


_TABLE = (
    ("pairs", "pairs", ",d"),
    ("users", "users", ",d"),
    ("mean_likes", "mean likes", ",.0f"),
    ("mean_probability", "mean probability", ".3f"),
    ("mean_gap_days", "mean days between", ".1f"),
    ("without_tags", "without hashtags", ".1%"),
    ("without_mentions", "without mentions", ".1%"),
    ("without_caption", "without caption", ".1%"),
    ("mean_words", "mean words", ".1f"),
)


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _unchecked(options: argparse.Namespace, made: "PairSet") -> Iterator[str]:
    """Constraints that the table has no column for."""
    there = made.posts.columns
    if "caption" not in there and not (options.any_tags and options.max_words is None):
        yield "There is no column for captions: hashtags, mentions and words were not compared. See --column caption."
    if "images" not in there and not options.several_images:
        yield "There is no column for the number of images, so every post counts as one image. See --column images."
    if "id" not in there and "image" not in there:
        yield "There is no column for ids, so photos are called after their rows: row-2. See --column id."


# --- times of shortcodes ------------------------------------------------------------------------------


def _decode(options: argparse.Namespace) -> int:
    from popscore.posts import read_shortcode_pairs, write_pairs

    table = read_shortcode_pairs(options.posts, encoding=options.encoding)
    if table.pairs:
        write_pairs(table.pairs, options.out)
    gaps = sorted(pair.gap_days for pair in table.pairs if pair.gap_days is not None)
    found: dict[str, Any] = {"file": options.out, "pairs": len(gaps)}
    if gaps:
        middle = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2
        found |= {"median_gap_days": round(middle, 4), "largest_gap_days": round(gaps[-1], 4)}
    if options.json:
        write(json_text({"model": None, "results": [found], "errors": _row_errors(options.posts, table.errors)}))
    elif gaps:
        write(
            f"{len(gaps):,} pairs; days between: {found['median_gap_days']:.2f} in the median, {gaps[-1]:.2f} at most\n"
        )
    return _status(table.errors, table.failed, (), some=bool(gaps))


# --- what both say ------------------------------------------------------------------------------------


def _row_errors(file: str, errors: Sequence["RowError"]) -> list[Any]:
    return [{"file": file, "row": error.row, "error": "UnreadableRow", "message": error.message} for error in errors]


def _left_out(file: str, made: "PairSet") -> list[Any]:
    return [{"file": file, "row": None, "error": "TooManyPosts", "message": message} for message in made.too_large]


def _status(errors: Sequence["RowError"], failed: int, too_large: Sequence[str], *, some: bool) -> int:
    complain_about(
        [error.message for error in errors], more="more rows cannot be read.", shown=_SHOWN_ERRORS, total=failed
    )
    complain_about(too_large, more="more users have too many posts.", shown=_SHOWN_ERRORS)
    if not some:
        if not too_large:
            complain("There is no pair. Loosen a constraint: --costs says what each of them costs.")
        return NOTHING_DONE
    return SOME_FAILED if failed or too_large else ALL_WELL


# --- options ------------------------------------------------------------------------------------------


def column(text: str) -> tuple[str, str]:
    """Which column holds a value, as `NAME=COLUMN`.

    Raises:
        argparse.ArgumentTypeError: it is not of this form, or there is no such value.
    """
    name, equals, found = text.partition("=")
    if name not in _NAMES or not equals or not found:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is not NAME=COLUMN with NAME one of {', '.join(_NAMES)}")
    return name, found


def _date(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no date such as 2026-01-31") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _between(text: str, least: float, most: float, what: str) -> float:
    return fitting_number(text, lambda found: least <= found <= most, what)


def _share(text: str) -> float:
    return _between(text, 0.5, 0.999999, "a probability from .5 to below 1")


def _positive(text: str) -> float:
    return _between(text, 1e-6, 99, "a number above 0")


def _days(text: str) -> float | None:
    return None if text == "any" else _between(text, 0, 1e5, "a number of days, or `any`")


def _age(text: str) -> float | str:
    if text in ("month", "any"):
        return "month" if text == "month" else 0.0
    return _between(text, 0, 1e5, "a number of days, `month` or `any`")


def _words(text: str) -> int | None:
    return None if text == "any" else whole_number_or_zero(text)
