"""The command `model`."""

import argparse

import popscore
from popscore.cli.answers import announce, json_text, rows_text
from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import ALL_WELL, write
from popscore.models.spec import ModelInfo


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    model = commands.add_parser("model", help="which model is in use, and what is known about it")
    add_json(model)
    return model


def run(options: argparse.Namespace) -> int:
    """Say what is known about the model."""
    info = popscore.load_scorer().model
    announce(info)
    write(json_text(info.to_full_json()) if options.json else _text(info))
    return ALL_WELL


def _text(info: ModelInfo) -> str:
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
    return rows_text(rows, width=14)
