"""The command `evaluate`."""

import argparse
import json
from pathlib import Path

from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import ALL_WELL, write
from popscore.training.errors import require


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    evaluate = commands.add_parser("evaluate", help="measure a model on photos that people rated")
    evaluate.add_argument("--suite", choices=("appeal",), required=True, help="which table: the appeal model's")
    evaluate.add_argument("--data", metavar="DIR", required=True, help="folder with the rated photos: oasis/ and avt/")
    evaluate.add_argument("--model", metavar="FILE", help="the model file; the embedded one by default")
    add_json(evaluate)
    return evaluate


def run(options: argparse.Namespace) -> int:
    """Measure the model and print the table."""
    require("onnx", purpose="evaluate")
    from popscore.training.appeal.evaluate import measured

    found = measured(Path(options.data), Path(options.model) if options.model else None)
    # In one line, as scripts have read it since the first version.
    write(json.dumps(found.to_json(), allow_nan=False) + "\n" if options.json else found.text())
    return ALL_WELL
