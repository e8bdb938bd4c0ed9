"""The command `rank`."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import popscore
from popscore import words
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_bank, add_exact, add_json, opened_bank, whole_number
from popscore.cli.score import personal_remark
from popscore.cli.terminal import Progress, colored, complain, write
from popscore.errors import ExportFailed, InvalidSetting
from popscore.foreign_text import printable
from popscore.results import FailedPhoto, RankedPhoto, Ranking
from popscore.settings import Settings

if TYPE_CHECKING:
    from popscore.scoring.cache import SqliteScoreCache


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    rank = commands.add_parser("rank", help="the best photo first", description="Rank photos, the best one first.")
    rank.add_argument("paths", nargs="+", metavar="PATH", help="photos, folders (with all they hold), patterns")
    rank.add_argument("--top", type=whole_number, metavar="K", help="only the K best, also in the files written")
    rank.add_argument(
        "--group-similar",
        action="store_true",
        help="fold near-duplicates under the sharpest and best lit; with --top, leave them out",
    )
    rank.add_argument(
        "--people", action="store_true", help="say how many faces, and whose eyes are closed; reads each photo in full"
    )
    rank.add_argument("--csv", metavar="FILE", help="write the ranking as a table")
    rank.add_argument("--zip", metavar="FILE", help="write the photos themselves, numbered, into an archive")
    rank.add_argument(
        "--xmp", action="store_true", help="write star ratings beside the photos: one star for each fifth of the scale"
    )
    add_exact(rank)
    add_bank(rank)
    rank.add_argument("--no-cache", action="store_true", help="neither use nor keep scores of earlier runs")
    add_json(rank)
    return rank


def run(options: argparse.Namespace) -> int:
    """Rank the photos, print them, and write the files that were asked for."""
    ranking = _ranking(options)
    write(json_text(ranking.to_json()) if options.json else _text(ranking))
    for remark in () if options.json else _remarks(ranking):
        complain(remark)
    return status(ranking.results, ranking.errors)


def _ranking(options: argparse.Namespace) -> Ranking:
    """Find, score and rank the photos; write the files that were asked for; say what there is to say.

    Returns:
        The ranking. Paths that lead nowhere, and files that could not be written, are among its errors.
    """
    from popscore.photos.find import find_photos

    _check_targets(options)
    settings = Settings.from_environment()
    found = find_photos(options.paths)
    scorer = popscore.load_scorer(settings, exact=options.exact)
    announce(scorer.model)
    bank = opened_bank(options, scorer)
    cache = None if options.no_cache or bank is not None else _cache(settings, scorer)
    try:
        with Progress() as progress:
            ranking = popscore.rank_images(
                found.photos,
                scorer=scorer,
                top=options.top,
                group_similar=options.group_similar,
                people=options.people,
                on_progress=progress.update,
                cache=cache,
                bank=bank,
            )
    finally:
        if cache is not None:
            cache.close()
    if cache is not None and cache.trouble:
        complain(cache.trouble)
    if left_out := found.left_out():
        complain(left_out)
    errors = [*found.errors, *ranking.errors, *(_export(options, ranking) if ranking.results else ())]
    return replace(ranking, errors=errors)


def _cache(settings: Settings, scorer: popscore.Scorer) -> "SqliteScoreCache":
    from popscore.scoring.cache import SqliteScoreCache
    from popscore.scoring.cache_file import cache_file

    return SqliteScoreCache(
        cache_file(settings), model=scorer.model, exact=scorer.exact, max_bytes=settings.max_image_bytes
    )


def _text(ranking: Ranking) -> str:
    """The ranking as a table, near-duplicates folded under the best of their group."""
    lines = []
    for photo in _folded(ranking.results):
        label = colored(f"{photo.label:<9}", photo.color)
        below = "    " if photo.group_best is False else ""
        remarks = "; ".join(_remarks_on(photo))
        file = f"{below}{printable(photo.file)}{f'  ({remarks})' if remarks else ''}{personal_remark(photo)}"
        lines.append(f"{photo.rank:>5}  {photo.order_score:6.2f}  {label}  tier {photo.tier:<3}  {file}\n")
    return "".join(lines)


def _remarks_on(photo: RankedPhoto) -> Iterator[str]:
    """What there is to say about one photo."""
    if photo.warning:
        yield words.WARNINGS[photo.warning]
    seen = words.people(photo.people.faces or 0, photo.people.eyes_closed or 0) if photo.people else ""
    if photo.group_reason and photo.group_reason not in (seen, words.WARNINGS.get(photo.warning or "")):
        yield photo.group_reason
    if seen:
        yield seen
    if photo.people and photo.people.face_not_sharp:
        yield words.FACE_NOT_SHARP


def _remarks(ranking: Ranking) -> Iterator[str]:
    """What the table does not say by itself."""
    shown = len(ranking.results)
    if ranking.scenes is not None and shown:
        if shown == ranking.total:
            yield f"{ranking.total} photos in {ranking.scenes} groups; indented: near-duplicates of the one above."
        else:
            yield f"{ranking.total} photos in {ranking.scenes} groups; shown: the best of the first {shown} groups."
    elif shown < ranking.total:
        yield f"{ranking.total} photos; shown: the best {shown}."
    why = f"the scores differ by no more than the model's noise ({ranking.noise:.2f})"
    if not ranking.noise:
        why = "the scores are the same"
    if len({photo.tier for photo in ranking.results}) < shown:
        yield f"Photos of one tier are too close to call: {why}."
    if ranking.cut_gap is not None and ranking.cut_gap <= ranking.noise:
        yield f"The last one shown and the first one left out are too close to call: {why}."


def _folded(results: Sequence[RankedPhoto]) -> Iterator[RankedPhoto]:
    """Best of each group first, the others right after it."""
    groups: dict[int, list[RankedPhoto]] = {}
    for place, photo in enumerate(results):
        groups.setdefault(-1 - place if photo.group is None else photo.group, []).append(photo)
    for photos in groups.values():
        yield from photos


def _check_targets(options: argparse.Namespace) -> None:
    from popscore.files.atomic import check_target

    targets = [Path(target) for target in (options.csv, options.zip) if target is not None]
    for target in targets:
        check_target(target)
    if len({target.resolve() for target in targets}) < len(targets):
        raise InvalidSetting("--csv and --zip name the same file. Give them different names.")


def _export(options: argparse.Namespace, ranking: Ranking) -> Iterator[FailedPhoto]:
    """Write the files that were asked for. One that cannot be written does not stop the others."""
    from popscore.gallery import export

    if options.csv is not None:
        try:
            export.write_csv(ranking, options.csv)
        except ExportFailed as error:
            yield FailedPhoto(file=options.csv, error=error)
    if options.zip is not None:
        try:
            yield from export.write_zip(ranking, options.zip).errors
        except ExportFailed as error:
            yield FailedPhoto(file=options.zip, error=error)
    if options.xmp:
        yield from export.write_xmp(ranking).errors
