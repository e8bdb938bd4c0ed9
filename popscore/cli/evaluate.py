"""The command `evaluate`."""

import argparse

from popscore.cli.arguments import Commands, add_json


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
    from popscore.training.appeal.evaluate import main as evaluate_appeal

    model = ["--model", options.model] if options.model else []
    return evaluate_appeal(["--data", options.data, *model, *(["--json"] if options.json else [])])
