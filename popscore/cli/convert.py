"""The command `convert`. What it needs beyond scoring is imported when it runs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from popscore.cli.answers import json_text, rows_text
from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import ALL_WELL, complain, write
from popscore.models.spec import Json
from popscore.training.errors import require

if TYPE_CHECKING:
    from popscore.training.conversion.convert import Conversion

_WEIGHTS = "the authors' ResNet-50 weights (.pth), weights of your own in the same form, or a bare .onnx file"


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    convert = commands.add_parser(
        "convert", help="weights to a model file", description="Convert weights to an ONNX file that says what it is."
    )
    convert.add_argument("weights", type=Path, metavar="WEIGHTS", help=_WEIGHTS)
    convert.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .onnx file to write")
    convert.add_argument(
        "--int8", type=Path, metavar="PHOTOS", help="8-bit numbers, 2 to 3 times as fast, calibrated on this folder"
    )
    convert.add_argument(
        "--force", action="store_true", help="write it even if --int8 swaps more than 2 %% of the pairs"
    )
    convert.add_argument("--name", metavar="TEXT", help="what to call weights of your own")
    convert.add_argument("--license", metavar="TEXT", help="licence of weights of your own, such as CC-BY-4.0")
    convert.add_argument("--training-data", metavar="TEXT", help="what weights of your own were trained on")
    add_json(convert)
    return convert


def run(options: argparse.Namespace) -> int:
    """Convert the file and say what was written."""
    require("onnx", purpose="convert")
    from popscore.training.conversion.convert import convert
    from popscore.training.conversion.records import Words

    words = Words(name=options.name, licence=options.license, training_data=options.training_data)
    done = convert(options.weights, options.out, int8_photos=options.int8, force=options.force, words=words)
    for remark in done.remarks:
        complain(remark)
    write(json_text(_json(done)) if options.json else _text(done))
    return ALL_WELL


def _json(done: "Conversion") -> Json:
    return {
        "file": str(done.out),
        "size_bytes": done.size_bytes,
        "sha256": done.sha256,
        "source_sha256": done.source_sha256,
        "weights": done.weights,
        "compared": {"with": done.compared_with, "photos": done.photos, "largest_difference": done.difference},
        "int8": done.int8.to_json() if done.int8 else None,
        "remarks": done.remarks,
    }


def _text(done: "Conversion") -> str:
    rows = [
        ("written", f"{done.out} ({done.size_bytes / 1e6:.1f} MB)"),
        ("sha256", done.sha256),
        ("weights", f"{done.weights} (SHA-256 of the file converted: {done.source_sha256})"),
        ("compared", f"{done.photos} photos with {done.compared_with}: scores differ by {done.difference:.1g} at most"),
    ]
    if done.int8:
        check = done.int8
        rows += [
            ("int8", f"calibrated on {check.calibrated_on} photos, checked on {check.held_back} others"),
            ("  speed", f"{check.int8_ms:.1f} ms per photo, float32 {check.float_ms:.1f} ms, on one thread"),
            (
                "  scores",
                f"move by {check.drift_mean:.3f}, at most {check.drift_max:.3f}; they spread by {check.spread:.2f}",
            ),
            ("  pairs", f"{100 * check.swapped:.1f} % change order"),
        ]
    rows.append(("try it", f"POPSCORE_MODEL_PATH={done.out} python -m popscore score PHOTO"))
    return rows_text(rows, width=10)
