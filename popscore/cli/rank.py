"""The commands `rank` and `cache`."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import popscore
from popscore.cli.terminal import Progress, colored, complain, printable
from popscore.errors import ExportFailed, InvalidSetting
from popscore.files.atomic import check_target
from popscore.gallery import export
from popscore.models import Json
from popscore.photos.find import find_photos
from popscore.results import FailedPhoto, RankedPhoto, Ranking
from popscore.scoring.cache import SqliteScoreCache
from popscore.scoring.cache_file import cache_file, cache_state, clear_cache
from popscore.settings import Settings


def ranking_of(options: argparse.Namespace) -> Ranking:
    """Find, score and rank the photos; write the files that were asked for; say what there is to say.

    Returns:
        The ranking. Paths that lead nowhere, and files that could not be written, are among its errors.

    Raises:
        PopscoreError: there is no model, or a file that was asked for must not be written there.
    """
    _check_targets(options)
    settings = Settings.from_environment()
    found = find_photos(options.paths)
    scorer = popscore.load_scorer(settings, exact=options.exact)
    if scorer.model.notice:
        complain(scorer.model.notice)
    cache = None
    if not options.no_cache:
        cache = SqliteScoreCache(
            cache_file(settings), model=scorer.model, exact=options.exact, max_bytes=settings.max_image_bytes
        )
    try:
        with Progress() as progress:
            ranking = popscore.rank_images(
                found.photos,
                scorer=scorer,
                top=options.top,
                group_similar=options.group_similar,
                on_progress=progress.update,
                cache=cache,
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


def ranking_text(ranking: Ranking) -> str:
    """The ranking as a table, near-duplicates folded under the best of their group."""
    lines = []
    for photo in _folded(ranking.results):
        label = colored(f"{photo.label:<9}", photo.color)
        close = "~" if photo.too_close else " "
        below = "    " if photo.group_best is False else ""
        lines.append(f"{photo.rank:>5}  {photo.score:6.2f}  {label}  {close}  {below}{printable(photo.file)}\n")
    return "".join(lines)


def remarks(ranking: Ranking) -> Iterator[str]:
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
    if any(photo.too_close for photo in ranking.results):
        yield f"~ too close to call against the next in rank: {why}."
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
    targets = [Path(target) for target in (options.csv, options.zip) if target is not None]
    for target in targets:
        check_target(target)
    if len({target.resolve() for target in targets}) < len(targets):
        raise InvalidSetting("--csv and --zip name the same file. Give them different names.")


def _export(options: argparse.Namespace, ranking: Ranking) -> Iterator[FailedPhoto]:
    """Write the files that were asked for. One that cannot be written does not stop the others."""
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


# --- cache ------------------------------------------------------------------------------------------


def cache_json(*, clear: bool) -> Json:
    """Where the cache is and what is in it, after clearing it if asked for.

    Raises:
        InvalidSetting: there is no place for a cache.
        ExportFailed: it could not be cleared.
    """
    path = cache_file(Settings.from_environment())
    if path is None:
        raise InvalidSetting("There is no cache: the system does not say where your files are. Set POPSCORE_CACHE_DIR.")
    if clear:
        try:
            clear_cache(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ExportFailed(f"The score cache {path} could not be cleared: {reason}. Remove it yourself.") from error
    state = cache_state(path)
    return {"file": str(state.path), "scores": state.scores, "files": state.files, "size_bytes": state.size_bytes}


def cache_text(state: Json) -> str:
    """The same for people."""
    rows = (
        ("file", state["file"]),
        ("scores", f"{state['scores']}"),
        ("files", f"{state['files']} known by size and times"),
        ("size", f"{state['size_bytes'] / 1e6:.1f} MB"),
    )
    return "".join(f"{name:<8}{printable(value)}\n" for name, value in rows)
