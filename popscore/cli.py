"""The command line: arguments -> one call -> text or JSON. Exit codes live here only.

0 all well; 1 some inputs failed, the rest is there; 2 nothing could be done.
"""

import argparse
import contextlib
import json
import os
import sys
import warnings
from collections.abc import Sequence

import popscore
from popscore.errors import PopscoreError
from popscore.models import Json, ModelInfo
from popscore.results import Report, report

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
        _complain(str(error))
        return NOTHING_DONE
    except _OutputFailed as error:
        _complain(f"The answer could not be written: {error}. Check the disk or the pipe it goes to.")
        return NOTHING_DONE
    except KeyboardInterrupt:
        _complain("stopped")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="popscore", description="Which of these pictures will people like most?")
    parser.add_argument("--version", action="version", version=f"popscore {popscore.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    score = commands.add_parser("score", help="score each photo, in the order given")
    score.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo file")
    _add_json(score)
    score.set_defaults(run=_score)

    model = commands.add_parser("model", help="which model is in use, and what is known about it")
    _add_json(model)
    model.set_defaults(run=_model)

    app = commands.add_parser("app", help="start the web app, the same as python app.py")
    app.set_defaults(run=_app)
    return parser


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


# --- commands ---------------------------------------------------------------------------------------


def _score(options: argparse.Namespace) -> int:
    scorer = popscore.load_scorer()
    answer = report(scorer.model, scorer.score_many(options.photos))
    _announce(answer.model)
    _write(_json_text(answer.to_json()) if options.json else _scores_text(answer))
    for failed in answer.errors:
        _complain(str(failed.error))
    if not answer.results:
        return NOTHING_DONE
    return SOME_FAILED if answer.errors else ALL_WELL


def _model(options: argparse.Namespace) -> int:
    info = popscore.load_scorer().model
    _announce(info)
    _write(_json_text(info.to_full_json()) if options.json else _model_text(info))
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
        label = _colored(f"{photo.label:<9}", photo.color)
        place = f"more {answer.model.adjective} than {photo.percentile:.0f} of 100"
        lines.append(f"{photo.score:6.2f}  {label}  {place:<34}  {_printable(photo.file)}\n")
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
    return "".join(f"{_printable(name):<12}  {_printable(value)}\n" for name, value in rows if value)


def _announce(info: ModelInfo) -> None:
    if info.notice:
        _complain(info.notice)


def _complain(message: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens
        print(f"popscore: {_printable(message)}", file=sys.stderr)


class _OutputFailed(Exception):
    """Standard output takes no more."""


def _write(text: str) -> None:
    if sys.stdout is None:  # closed by whoever started popscore
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # else the reader, `head` perhaps, has seen enough
            raise _OutputFailed(error.strerror) from error


def _printable(text: str) -> str:
    """Text from outside, such as a file name, that cannot move the cursor or break the line."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _colored(text: str, color: str) -> str:
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    red, green, blue = bytes.fromhex(color[1:])
    return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[0m"
