"""The command line: arguments -> one call -> text or JSON. Exit codes live here only.

0 all well; 1 some inputs failed, the rest is there; 2 nothing could be done.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import popscore
from popscore.cli.convert import add_commands as add_training_commands
from popscore.cli.frames import add_frames_command, frames_of, frames_text
from popscore.cli.terminal import OutputFailed, colored, complain, printable, write
from popscore.errors import PopscoreError
from popscore.models import Json, ModelInfo
from popscore.photos.sources import photo_name
from popscore.results import FailedPhoto, Ranking, Report, report

if TYPE_CHECKING:
    from popscore.video import VideoRanking

ALL_WELL, SOME_FAILED, NOTHING_DONE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    # A photo's metadata can be odd; popscore says what matters itself.
    warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name need not be printable in the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except PopscoreError as error:
        complain(str(error))
        return NOTHING_DONE
    except OutputFailed as error:
        complain(f"The answer could not be written: {error}. Check the disk or the pipe it goes to.")
        return NOTHING_DONE
    except KeyboardInterrupt:
        complain("stopped")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="popscore", description="Which of these pictures will people like most?")
    parser.add_argument("--version", action="version", version=f"popscore {popscore.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    score = commands.add_parser("score", help="score each photo, in the order given")
    score.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo file")
    _add_exact(score)
    _add_json(score)
    score.set_defaults(run=_score)

    rank = commands.add_parser("rank", help="the best photo first", description="Rank photos, the best one first.")
    rank.add_argument("paths", nargs="+", metavar="PATH", help="photos, folders (with all they hold), patterns")
    rank.add_argument("--top", type=_whole_number, metavar="K", help="only the K best, also in the files written")
    rank.add_argument(
        "--group-similar", action="store_true", help="fold near-duplicates under the best; with --top, leave them out"
    )
    rank.add_argument("--csv", metavar="FILE", help="write the ranking as a table")
    rank.add_argument("--zip", metavar="FILE", help="write the photos themselves, numbered, into an archive")
    rank.add_argument(
        "--xmp", action="store_true", help="write star ratings beside the photos: one star for each fifth of the scale"
    )
    _add_exact(rank)
    rank.add_argument("--no-cache", action="store_true", help="neither use nor keep scores of earlier runs")
    _add_json(rank)
    rank.set_defaults(run=_rank)

    frames = add_frames_command(commands, _whole_number)
    _add_json(frames)
    frames.set_defaults(run=_frames)

    cache = commands.add_parser("cache", help="where scores of earlier runs are kept, and how many")
    cache.add_argument("--clear", action="store_true", help="forget them")
    _add_json(cache)
    cache.set_defaults(run=_cache)

    model = commands.add_parser("model", help="which model is in use, and what is known about it")
    _add_json(model)
    model.set_defaults(run=_model)

    evaluate = commands.add_parser("evaluate", help="measure a model on photos that people rated")
    evaluate.add_argument("--suite", choices=("appeal",), required=True, help="which table: the appeal model's")
    evaluate.add_argument("--data", metavar="DIR", required=True, help="folder with the rated photos: oasis/ and avt/")
    evaluate.add_argument("--model", metavar="FILE", help="the model file; the embedded one by default")
    _add_json(evaluate)
    evaluate.set_defaults(run=_evaluate)

    add_training_commands(commands)

    app = commands.add_parser("app", help="start the web app, the same as python app.py")
    app.set_defaults(run=_app)
    return parser


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def _add_exact(command: argparse.ArgumentParser) -> None:
    command.add_argument("--exact", action="store_true", help="decode large JPEGs in full; slower, hardly different")


def _whole_number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < number < 10**9:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number above 0")
    return number


# --- commands ---------------------------------------------------------------------------------------


def _score(options: argparse.Namespace) -> int:
    scorer = popscore.load_scorer(exact=options.exact)
    answer = report(scorer.model, scorer.score_many(options.photos))
    _announce(answer.model)
    write(_json_text(answer.to_json()) if options.json else _scores_text(answer))
    return _status(answer)


def _rank(options: argparse.Namespace) -> int:
    from popscore.cli.rank import ranking_of, ranking_text, remarks  # `score` needs neither a cache nor exports

    ranking = ranking_of(options)
    write(_json_text(ranking.to_json()) if options.json else ranking_text(ranking))
    for remark in () if options.json else remarks(ranking):
        complain(remark)
    return _status(ranking)


def _frames(options: argparse.Namespace) -> int:
    ranking = frames_of(options)
    write(_json_text(ranking.to_json()) if options.json else frames_text(ranking))
    for notice in ranking.notices:
        complain(notice)
    return _status(ranking)


def _evaluate(options: argparse.Namespace) -> int:
    from popscore.training.appeal.evaluate import main as evaluate_appeal

    model = ["--model", options.model] if options.model else []
    return evaluate_appeal(["--data", options.data, *model, *(["--json"] if options.json else [])])


def _status(answer: "Report | Ranking | VideoRanking") -> int:
    for failed in answer.errors:
        complain(_with_path(failed))
    if not answer.results:
        return NOTHING_DONE
    return SOME_FAILED if answer.errors else ALL_WELL


def _with_path(failed: FailedPhoto) -> str:
    """The message, with the path as given for the name: two folders may hold photos of one name."""
    message, name = str(failed.error), photo_name(failed.file)
    return failed.file + message.removeprefix(name) if message.startswith(f"{name} ") else message


def _cache(options: argparse.Namespace) -> int:
    from popscore.cli.rank import cache_json, cache_text

    state = cache_json(clear=options.clear)
    write(_json_text(state) if options.json else cache_text(state))
    return ALL_WELL


def _model(options: argparse.Namespace) -> int:
    info = popscore.load_scorer().model
    _announce(info)
    write(_json_text(info.to_full_json()) if options.json else _model_text(info))
    return ALL_WELL


def _app(_options: argparse.Namespace) -> int:
    from popscore.ui import launch  # gradio takes two seconds to import; only this command needs it

    launch()
    return ALL_WELL


# --- text -------------------------------------------------------------------------------------------


def _json_text(document: Json) -> str:
    # ASCII, so that it is JSON in every encoding of the output, odd file names included.
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _scores_text(answer: Report) -> str:
    lines = []
    for photo in answer.results:
        label = colored(f"{photo.label:<9}", photo.color)
        place = f"more {answer.model.adjective} than {photo.percentile:.0f} of 100"
        lines.append(f"{photo.score:6.2f}  {label}  {place:<34}  {printable(photo.file)}\n")
    return "".join(lines)


def _model_text(info: ModelInfo) -> str:
    spec = info.spec
    where = {"embedded": "embedded in popscore", "file": f"file {info.origin}", "hub": f"Hub repository {info.origin}"}
    rows = [
        ("name", f"{spec.name} {spec.version or ''}".rstrip()),
        ("predicts", spec.kind),
        ("about", spec.description),
        ("source", where[info.source]),
        ("revision", info.revision),
        ("sha256", info.sha256),
        ("input", f"{spec.input_size[1]} x {spec.input_size[0]} pixels, {spec.resize.replace('_', ' ')}"),
        ("scale", f"mean {spec.reference_mean:g}, sd {spec.reference_std:g}: {spec.reference_population}"),
        ("licence", spec.licence),
        ("trained on", spec.training_data),
        *((f"  {name}", f"{figure:g}") for name, figure in spec.accuracy.items()),
    ]
    return "".join(f"{printable(name):<12}  {printable(value)}\n" for name, value in rows if value)


def _announce(info: ModelInfo) -> None:
    if info.notice:
        complain(info.notice)
