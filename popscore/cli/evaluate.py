"""The command `evaluate`: a model on pairs of photos, or the embedded model's own table."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popscore.cli.answers import announce, json_text
from popscore.cli.arguments import Commands, add_json, fitting_number
from popscore.cli.terminal import ALL_WELL, NOTHING_DONE, SOME_FAILED, Progress, complain, complain_about, write
from popscore.errors import InvalidSetting
from popscore.foreign_text import printable, shortened
from popscore.results import FailedPhoto
from popscore.training.errors import require

if TYPE_CHECKING:
    from popscore.posts import Pair
    from popscore.posts.evaluation import Difference, Evaluation, Part
    from popscore.scoring.scorer import Scorer


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    evaluate = commands.add_parser(
        "evaluate",
        help="measure a model on pairs of photos, or on photos that people rated",
        description="Measure how often a model ranks pairs of photos the right way round. Two models, or two tables of "
        "scores, are compared on the same pairs.",
    )
    evaluate.add_argument("pairs", metavar="PAIRS", nargs="?", help="a table of pairs, as `popscore pairs` writes it")
    evaluate.add_argument("--images", metavar="DIR", help="folder with the photos that PAIRS names")
    evaluate.add_argument(
        "--scores", metavar="FILE", action="append", default=[], help="scores from a table instead of photos; up to two"
    )
    evaluate.add_argument(
        "--model",
        metavar="FILE",
        action="append",
        default=[],
        help="the model file; by default the one in use; a second one is compared with the first",
    )
    evaluate.add_argument(
        "--win-scale", type=_scale, default=1.0, metavar="S", help="of --scores: units per log odds (1)"
    )
    evaluate.add_argument("--plot", metavar="PNG", help="also draw the figures")
    evaluate.add_argument(
        "--bank", metavar="FILE", help="instead of PAIRS: what each part of a memory bank brings, on its own posts"
    )
    evaluate.add_argument("--suite", choices=("appeal",), help="instead of PAIRS: the appeal model's own table")
    evaluate.add_argument("--data", metavar="DIR", help="with --suite: folder with the rated photos, oasis/ and avt/")
    add_json(evaluate)
    evaluate.set_defaults(refuse=evaluate.error)
    return evaluate


def run(options: argparse.Namespace) -> int:
    """Measure the model and print the table."""
    if options.suite is not None:
        if options.data is None or options.pairs is not None or len(options.model) > 1:
            options.refuse("--suite needs --data DIR, takes no PAIRS and one --model at most")
        return _suite(options)
    if options.bank is not None:
        if options.pairs is not None or options.images or options.scores or options.model:
            options.refuse("--bank asks about the bank's own posts: give no PAIRS, --images, --scores or --model")
        return _bank(options)
    if options.pairs is None or options.data is not None:
        options.refuse("PAIRS is missing, or --suite appeal with --data DIR")
    if bool(options.images) == bool(options.scores):
        options.refuse("the photos' scores come from --images DIR or from --scores FILE: give one of them")
    if len(options.scores) > 2 or len(options.model) > 2 or (options.scores and options.model):
        options.refuse("at most two tables of --scores, or two of --model, are compared")
    return _pairs(options)


def _suite(options: argparse.Namespace) -> int:
    require("onnx", purpose="evaluate")
    from popscore.training.appeal.evaluate import measured

    found = measured(Path(options.data), Path(options.model[0]) if options.model else None)
    # In one line, as scripts have read it since the first version.
    write(json.dumps(found.to_json(), allow_nan=False) + "\n" if options.json else found.text())
    return ALL_WELL


def _bank(options: argparse.Namespace) -> int:
    import popscore
    from popscore.personal.ablation import ablation
    from popscore.personal.bank import MemoryBank

    scorer = popscore.load_scorer()
    announce(scorer.model)
    bank = MemoryBank.open(options.bank, scorer=scorer)
    with Progress(of="stretches of time") as progress:
        found = ablation(bank, scorer.model, on_progress=progress.update)
    results = [row.to_json() for row in found.rows]
    document = {"model": scorer.model.to_json(), "results": results, "errors": [], **found.to_json()}
    write(json_text(document) if options.json else found.text())
    return ALL_WELL


# --- on pairs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """One set of scores: who gave them, and what could not be scored."""

    name: str
    model: Any
    win_scale: float
    scores: Mapping[str, float]
    errors: Sequence[FailedPhoto]


def _pairs(options: argparse.Namespace) -> int:
    from popscore.files.atomic import check_target
    from popscore.posts import read_pairs
    from popscore.posts.evaluation import compare_scores, evaluate_pairs
    from popscore.posts.evaluation_plot import write_plot
    from popscore.posts.pair_scores import scored_pairs

    if options.plot is not None:
        if not options.plot.lower().endswith(".png"):
            raise InvalidSetting(f"--plot {printable(options.plot)[:80]} must be the name of a PNG: plot.png.")
        check_target(Path(options.plot), photos=True)
    table = read_pairs(options.pairs)
    found: list[tuple[str, Evaluation]] = []
    measured = []
    sets = list(_sets(options, table.pairs))
    for one in sets:
        kept, won, lost = scored_pairs(table.pairs, one.scores)
        if len(kept):
            some = [table.pairs[place] for place in kept.tolist()]
            found.append((one.name, evaluate_pairs(some, won, lost, win_scale=one.win_scale)))
        measured.append((kept, won, lost))
    difference = None
    if len(found) == 2:
        (first, *scores), (second, *others) = measured
        both = sorted(set(first.tolist()) & set(second.tolist()))
        if both:
            at_first, at_second = first.searchsorted(both), second.searchsorted(both)
            difference = compare_scores(
                [table.pairs[place] for place in both],
                (scores[0][at_first], scores[1][at_first]),
                (others[0][at_second], others[1][at_second]),
            )
    left_out = [len(table.pairs) - len(kept) for kept, _, _ in measured]
    if options.plot is not None and found:
        write_plot(found, options.plot)
    if options.json:
        write(json_text(_document(options, sets, found, difference, table, left_out)))
    else:
        write("".join(_lines(found, difference)))
    complain_about(
        [error.message for error in table.errors], more="more rows of pairs cannot be used.", total=table.failed
    )
    for one, missing in zip(sets, left_out, strict=True):
        _tell(one, missing)
    if len(found) < len(sets):
        complain("No pair has two scores. Check that --images or --scores has the names that PAIRS has.")
        return NOTHING_DONE
    return SOME_FAILED if table.failed or any(left_out) or any(one.errors for one in sets) else ALL_WELL


def _sets(options: argparse.Namespace, pairs: "Sequence[Pair]") -> "Iterator[_Scored]":
    from popscore.posts.pair_scores import PhotoNames, names_of, read_scores

    for file in options.scores:
        there = read_scores(file)
        names = list(names_of(pairs))
        scores = {name: there[name] for name in names if name in there}
        if len(scores) < len(names):
            found = PhotoNames(there)
            places = ((name, found.find(name)) for name in names)
            scores = {name: there[place] for name, place in places if place is not None}
        lacking = [name for name in names if name not in scores]
        errors = [
            FailedPhoto(file=name, error=InvalidSetting(f"{shortened(name)} has no score in {shortened(file)}."))
            for name in lacking
        ]
        yield _Scored(name=file, model=None, win_scale=options.win_scale, scores=scores, errors=errors)
    if options.images is not None:
        yield from _from_photos(options, pairs)


def _from_photos(options: argparse.Namespace, pairs: "Sequence[Pair]") -> "Iterator[_Scored]":
    import popscore
    from popscore.errors import NoPhotosFound, UnreadableImage
    from popscore.photos.find import find_photos
    from popscore.photos.sources import NamedPhoto
    from popscore.posts.pair_scores import PhotoNames, names_of
    from popscore.settings import Settings

    settings = Settings.from_environment()
    if not Path(options.images).is_dir():
        raise NoPhotosFound(f"--images {shortened(options.images)} is no folder. Name the folder with the photos.")
    there = find_photos([options.images])
    for failed in there.errors:
        if not there.photos:
            raise failed.error
        complain(str(failed.error))
    paths = {Path(path).relative_to(options.images).as_posix(): path for path in there.photos}
    folder = PhotoNames(paths)
    wanted, missing = [], []
    for name in names_of(pairs):
        place = folder.find(name)
        if place is None:
            reason = f"{shortened(name)} is not in the folder, or more than one file has this name. Check --images."
            missing.append(FailedPhoto(file=name, error=UnreadableImage(reason)))
        else:
            wanted.append(NamedPhoto(paths[place], name))
    for file in options.model or [None]:
        chosen = settings if file is None else Settings(model_path=Path(file), max_image_bytes=settings.max_image_bytes)
        scorer = popscore.load_scorer(chosen)
        announce(scorer.model)
        scores, errors = _scores(scorer, wanted)
        yield _Scored(
            name=file or scorer.model.spec.name,
            model=scorer.model.to_json(),
            win_scale=scorer.model.spec.win_scale,
            scores=scores,
            errors=[*missing, *errors],
        )


def _scores(scorer: "Scorer", photos: Sequence[Any]) -> tuple[dict[str, float], list[FailedPhoto]]:
    scores: dict[str, float] = {}
    errors: list[FailedPhoto] = []
    with Progress() as progress:
        for done, outcome in enumerate(scorer.score_many(photos), start=1):
            if isinstance(outcome, FailedPhoto):
                errors.append(outcome)
            else:
                scores[outcome.file] = outcome.score
            progress.update(done, len(photos))
    return scores, errors


# --- what is said -------------------------------------------------------------------------------------


def _document(
    options: argparse.Namespace,
    sets: Sequence[_Scored],
    found: "Sequence[tuple[str, Evaluation]]",
    difference: "Difference | None",
    table: Any,
    left_out: Sequence[int],
) -> Any:
    from popscore.posts.published import PUBLISHED

    errors = [
        {"file": options.pairs, "row": error.row, "error": "UnreadableRow", "message": error.message}
        for error in table.errors
    ]
    photos = {error.file: error.to_json() for one in sets for error in one.errors}
    results = [
        {"scores": name, "model": one.model, "pairs_left_out": missing, **evaluation.to_json()}
        for one, missing, (name, evaluation) in zip(sets, left_out, found, strict=False)
    ]
    return {
        "model": sets[0].model,
        "results": results,
        "errors": [*errors, *photos.values()],
        "difference": None if difference is None else difference.to_json(),
        "published": [one.to_json() for one in PUBLISHED],
    }


def _tell(one: _Scored, left_out: int) -> None:
    complain_about([str(error.error) for error in one.errors], more="more photos have no score.")
    if left_out:
        complain(f"{left_out:,} pairs were left out, because one of their photos has no score.")


def _lines(found: "Sequence[tuple[str, Evaluation]]", difference: "Difference | None") -> Iterator[str]:
    from popscore.posts.published import PUBLISHED

    for name, one in found:
        yield f"{printable(name)}\n"
        yield f"  accuracy        {_percent(one.accuracy)}  of {one.pairs:,} pairs\n"
        yield f"  95 % interval   {_interval(one.interval)}  (Wilson, pairs taken as independent)\n"
        if one.interval_by_user is not None:
            yield f"                  {_interval(one.interval_by_user)}  (bootstrap over {one.users:,} users)\n"
        if one.user_mean is not None and one.users > 1:
            spread = _percent(one.user_std or 0).strip()
            yield f"  by user         {_percent(one.user_mean)}  mean, {spread} standard deviation\n"
        for title, parts in (("by likes", one.by_likes), ("by days", one.by_days)):
            yield from _parts(title, parts)
        if one.plcc is not None and one.srcc is not None:
            yield f"  PLCC, SRCC     {one.plcc:6.3f}, {one.srcc:.3f}  with log likes, means over {one.groups:,} users\n"
        if one.ratio_mse is not None:
            yield f"  Ratio MSE       {one.ratio_mse:.3f}  over {one.ratio_pairs:,} pairs with scores above 0\n"
        yield f"  ECE             {one.ece:.3f}  of the win probability\n"
        yield from _parts("reliability", one.reliability)
    if difference is not None:
        yield f"second less first {100 * difference.accuracy:+.2f} points on {difference.pairs:,} pairs, 95 % interval "
        low, high = difference.interval
        yield f"{100 * low:+.2f} to {100 * high:+.2f} (paired bootstrap over {difference.by})\n"
        yield f"                  right by the first alone {difference.only_first:,}, "
        yield f"by the second alone {difference.only_second:,}\n"
    if found:
        yield "\nPublished by others, on their pairs:\n"
        for theirs in PUBLISHED:
            yield f"  {_percent(theirs.accuracy)}  {theirs.name} ({theirs.source}; {theirs.on})\n"


def _parts(title: str, parts: "Sequence[Part]") -> Iterator[str]:
    for place, part in enumerate(parts):
        given = "" if part.mean_probability is None else f", given {_percent(part.mean_probability).strip()}"
        head = title if place == 0 else ""
        yield f"  {head:<15} {_percent(part.accuracy)}  {part.name} ({part.pairs:,} pairs{given})\n"


def _percent(share: float) -> str:
    return f"{100 * share:6.2f} %"


def _interval(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:6.2f} to {100 * ends[1]:.2f} %"


def _scale(text: str) -> float:
    return fitting_number(text, lambda found: 0 < found < 1e6, "a number above 0")
