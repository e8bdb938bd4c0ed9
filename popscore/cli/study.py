"""The command `study`: what people chose in a study that the app ran."""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popscore.cli.answers import announce, json_text
from popscore.cli.arguments import Commands, add_json, whole_number
from popscore.cli.terminal import ALL_WELL, NOTHING_DONE, SOME_FAILED, Progress, complain, complain_about, write
from popscore.foreign_text import shortened
from popscore.results import FailedPhoto

if TYPE_CHECKING:
    from popscore.models.spec import ModelInfo
    from popscore.study.report import Report, Share


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    study = commands.add_parser(
        "study",
        help="what people chose when they were asked which photo gets more likes",
        description="The app asks people about a table of pairs when POPSCORE_STUDY names one. This counts answers.",
    )
    parts = study.add_subparsers(metavar="WHAT", required=True)
    report = parts.add_parser(
        "report",
        help="the answers in figures: people alone and by majority, their agreement, a model beside them",
        description="Count what people chose: how often one person alone is right, and the majority; how far people "
        "agree; how often a model is right on these pairs, and chooses as the majority. Training pairs are left out.",
    )
    report.add_argument("answers", metavar="PAIRS_OR_ANSWERS", help="the table of the study, or its file of answers")
    report.add_argument("--images", metavar="DIR", help="folder with the photos; by default as in the app")
    report.add_argument("--scores", metavar="FILE", help="the model's scores from a table instead of photos")
    report.add_argument("--no-model", action="store_true", help="leave the model out")
    report.add_argument(
        "--min-answers", type=whole_number, metavar="N", default=3, help="answers that a pair needs for a majority (3)"
    )
    report.add_argument(
        "--csv", metavar="FILE", help="also write the answers as a table, without anything about people"
    )
    add_json(report)
    report.set_defaults(refuse=report.error)
    return study


def run(options: argparse.Namespace) -> int:
    """Count the answers and print the figures."""
    from popscore.files.atomic import check_target
    from popscore.settings import Settings
    from popscore.study import make_report, read_answers
    from popscore.study.export import write_answers

    if options.no_model and (options.scores or options.images):
        options.refuse("--no-model leaves the model out: it takes neither --scores nor --images")
    if options.scores and options.images:
        options.refuse(
            "the model's scores come from --scores FILE or from the photos in --images DIR: give one of them"
        )
    if options.csv is not None:
        check_target(Path(options.csv))
    settings = Settings.from_environment()
    given = Path(options.answers)
    path = _answers_of(given, settings.study_pairs, settings.study_answers)
    answers = read_answers(path)
    scores: Mapping[str, float] = {}
    info: ModelInfo | None = None
    errors: list[FailedPhoto] = []
    if not options.no_model and answers:
        names = sorted({name for one in answers if not one.training for name in (one.winner, one.loser)})
        if options.scores:
            from popscore.posts.pair_scores import read_scores

            scores = read_scores(options.scores)
        else:
            folder = Path(options.images) if options.images else settings.study_images or given.parent
            scores, info, errors = _scored(folder, names, asked=bool(options.images))
    report = make_report(answers, scores=scores, least=options.min_answers)
    if options.csv is not None:
        write_answers(answers, options.csv)
    if options.json:
        write(json_text(_document(report, info, errors)))
    else:
        write("".join(_lines(report)))
    complain_about([str(error.error) for error in errors], more="more photos have no score.")
    if not report.answers:
        complain(f"{shortened(path.name)} has no answers yet, apart from training.")
        return NOTHING_DONE
    return SOME_FAILED if errors else ALL_WELL


def _answers_of(given: Path, pairs: Path | None, answers: Path | None) -> Path:
    """The file of answers: what was named, or what the app keeps for that table."""
    from popscore.study.answer_file import SUFFIX, is_answer_file

    if is_answer_file(given):
        return given
    if answers is not None and (pairs is None or os.path.abspath(pairs) == os.path.abspath(given)):  # noqa: PTH100
        return answers
    return given.with_name(given.stem + SUFFIX)


def _scored(
    folder: Path, names: Sequence[str], *, asked: bool
) -> "tuple[Mapping[str, float], ModelInfo | None, list[FailedPhoto]]":
    """The model's scores of the photos that were asked about; none where the folder has none of them."""
    import popscore
    from popscore.errors import NoPhotosFound, UnreadableImage
    from popscore.photos.sources import NamedPhoto
    from popscore.posts.pair_scores import PhotoNames
    from popscore.study.folder import files_in

    places = PhotoNames(files_in(folder))
    found = {name: place for name in names if (place := places.find(name)) is not None}
    if not found:
        reason = f"none of the photos is in the folder {shortened(str(folder))}"
        if asked:
            raise NoPhotosFound(f"The model was not asked: {reason}. Check --images.")
        complain(f"The model is left out: {reason}. Name it with --images DIR, or leave the model out with --no-model.")
        return {}, None, []
    errors = [
        FailedPhoto(
            file=name, error=UnreadableImage(f"{shortened(name)} is not in the folder any more. Check --images.")
        )
        for name in names
        if name not in found
    ]
    scorer = popscore.load_scorer()
    announce(scorer.model)
    scores: dict[str, float] = {}
    with Progress() as progress:
        photos = [NamedPhoto(folder / place, name) for name, place in found.items()]
        for done, outcome in enumerate(scorer.score_many(photos), start=1):
            if isinstance(outcome, FailedPhoto):
                errors.append(outcome)
            else:
                scores[outcome.file] = outcome.score
            progress.update(done, len(photos))
    return scores, scorer.model, errors


# --- what is said -------------------------------------------------------------------------------------


def _document(report: "Report", info: "ModelInfo | None", errors: Sequence[FailedPhoto]) -> Any:
    from popscore.posts.published import PUBLISHED

    return {
        "model": None if info is None else info.to_json(),
        "results": [pair.to_json() for pair in report.pairs],
        "errors": [error.to_json() for error in errors],
        "report": report.to_json(),
        "published": [one.to_json() for one in PUBLISHED if "alone" in one.name or "majority" in one.name],
    }


def _lines(report: "Report") -> Iterator[str]:
    from popscore.posts.published import PUBLISHED

    yield f"{report.answers:,} answers of {len(report.people):,} people to {len(report.pairs):,} pairs"
    yield f"; {report.training_answers:,} answers to training pairs are left out\n"
    yield _line("one person alone", report.alone, "people, mean")
    if report.alone_std is not None:
        yield f"  {'':<22} {_percent(report.alone_std)}  standard deviation\n"
    ties = f"pairs with {report.least} answers or more, {report.ties:,} ties"
    yield _line("majority", report.majority, ties)
    if report.alpha is not None:
        between = ""
        if report.alpha_interval is not None:
            between = f", 95 % interval {report.alpha_interval[0]:.3f} to {report.alpha_interval[1]:.3f}"
        yield f"  {'agreement':<22} {report.alpha:8.3f}  Krippendorff's alpha{between}, on {report.shared:,} pairs\n"
    yield _line("model", report.model, "pairs of the majority")
    if report.difference is not None:
        low, high = report.difference_interval or (report.difference, report.difference)
        yield f"  {'model less majority':<22} {100 * report.difference:+8.2f}  points, 95 % interval "
        yield f"{100 * low:+.2f} to {100 * high:+.2f}\n"
    yield _line("model as majority", report.model_majority, "pairs without a tie")
    if report.model is None or report.model_all is None or report.model.of != report.model_all.of:
        yield _line("model, all pairs", report.model_all, "pairs with an answer")
    yield _line("left side chosen", report.left, "answers")
    if report.median_seconds is not None:
        yield f"  {'seconds':<22} {report.median_seconds:8.1f}  median of an answer\n"
    yield "\nPublished by others, on their pairs:\n"
    for theirs in PUBLISHED:
        if "alone" in theirs.name or "majority" in theirs.name:
            yield f"  {'':<22} {_percent(theirs.accuracy)}  {theirs.name} ({theirs.source}; {theirs.on})\n"


def _line(name: str, share: "Share | None", of: str) -> str:
    if share is None:
        return ""
    low, high = (100 * end for end in share.interval)
    return f"  {name:<22} {_percent(share.share)}  {low:.2f} to {high:.2f} % (95 %), of {share.of:,} {of}\n"


def _percent(share: float) -> str:
    return f"{100 * share:6.2f} %"
