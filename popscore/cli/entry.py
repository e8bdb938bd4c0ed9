"""The entry of the command line, and its exit statuses.

0 all well; 1 some inputs failed, the rest is there; 2 nothing could be done.
"""

import argparse
import atexit
import contextlib
import os
import sys
import warnings
from collections.abc import Sequence

import popscore
from popscore.cli import (
    app,
    bank,
    batch,
    batch_top,
    cache,
    card,
    compare,
    convert,
    crops,
    evaluate,
    explain,
    faces,
    frames,
    model,
    pairs,
    publish,
    rank,
    score,
    selfie,
    study,
    train,
    train_selfie,
    try_,
)
from popscore.cli.terminal import NOTHING_DONE, OutputFailed, complain
from popscore.errors import PopscoreError
from popscore.models.patience import left_behind

_COMMANDS = (
    score,
    rank,
    frames,
    compare,
    explain,
    crops,
    try_,
    card,
    faces,
    selfie,
    cache,
    model,
    pairs,
    evaluate,
    study,
    bank,
    batch,
    batch_top,
    train,
    train_selfie,
    convert,
    publish,
    app,
)
"""Each module has `add`, which adds its command to the parser, and `run`, which does it and answers an exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: those of the process by default, which then is about to end.
    """
    ending = _Ending()
    if arguments is None:
        atexit.register(ending)
    ending.status = _status(arguments)
    return ending.status


class _Ending:
    """Ends Python at once where a model was given up and still computes.

    Its thread would come back to a Python that is half gone, and the system would say that popscore crashed.
    """

    status = NOTHING_DONE

    def __call__(self) -> None:
        if left_behind():
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or never there
                    stream.flush()
            os._exit(self.status)


def _status(arguments: Sequence[str] | None) -> int:
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
    for command in _COMMANDS:
        command.add(commands).set_defaults(run=command.run)
    return parser
