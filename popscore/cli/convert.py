"""The commands `convert` and `publish`. What they need beyond scoring is imported when they run."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from popscore.cli.terminal import complain, printable, write
from popscore.models import Json
from popscore.training.errors import require

if TYPE_CHECKING:
    from popscore.training.conversion.convert import Conversion
    from popscore.training.conversion.publish import Publication

_WEIGHTS = "the authors' ResNet-50 weights (.pth), weights of your own in the same form, or a bare .onnx file"


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `convert` and `publish` to the parser."""
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
    convert.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    convert.set_defaults(run=_convert)

    publish = commands.add_parser(
        "publish",
        help="a model file to the Hub",
        description="Put a model file and its card into a Hub repository. Without --yes, show what would go there.",
    )
    publish.add_argument("model", type=Path, metavar="MODEL", help="a model file that `convert` wrote")
    publish.add_argument(
        "--repo", required=True, metavar="OWNER/NAME", help="the repository; it is made if there is none"
    )
    publish.add_argument("--yes", action="store_true", help="do it; HF_TOKEN must hold a token with write access")
    publish.add_argument("--private", action="store_true", help="make a new repository private")
    publish.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    publish.set_defaults(run=_publish)


def _convert(options: argparse.Namespace) -> int:
    require("onnx", purpose="convert")
    from popscore.training.conversion.convert import convert
    from popscore.training.conversion.records import Words

    words = Words(name=options.name, licence=options.license, training_data=options.training_data)
    done = convert(options.weights, options.out, int8_photos=options.int8, force=options.force, words=words)
    for remark in done.remarks:
        complain(remark)
    write(_json_text(_conversion_json(done)) if options.json else _conversion_text(done))
    return 0


def _publish(options: argparse.Namespace) -> int:
    from popscore.training.conversion.publish import prepare, upload

    planned = prepare(options.model, options.repo, private=options.private)
    if planned.model.spec.licence is None:
        complain("No licence is stated: without one, others may not use the model. See convert --license.")
    done = upload(planned) if options.yes else planned
    if done.commit and not done.confirmed:
        complain("The Hub has the commit, but did not state the file's SHA-256. Look at the repository's page.")
    write(_json_text(_publication_json(done)) if options.json else _publication_text(done))
    return 0


# --- text and JSON ----------------------------------------------------------------------------------


def _json_text(document: Json) -> str:
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _conversion_json(done: "Conversion") -> Json:
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


def _conversion_text(done: "Conversion") -> str:
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
    return _table(rows)


def _publication_json(done: "Publication") -> Json:
    return {
        "repo": done.repo,
        "published": done.commit is not None,
        "commit": done.commit,
        "url": done.url,
        "sha256": done.model.sha256,
        "files": {name: len(content) for name, content in done.files.items()},
        "settings": done.settings() if done.commit else None,
        "preload_from_hub": done.preload_line() if done.commit else None,
    }


def _publication_text(done: "Publication") -> str:
    rows = [
        ("model", done.model.spec.name),
        ("licence", done.model.spec.licence or "not stated"),
        ("sha256", done.model.sha256),
        *(("file", f"{name} ({len(content):,} bytes)") for name, content in done.files.items()),
    ]
    if done.commit is None:
        card = "".join(f"  {printable(line)}\n" for line in done.files["README.md"].decode().splitlines())
        return (
            f"This would go to {done.repo}:\n{_table(rows)}README.md:\n{card}"
            "Nothing was sent. To publish, run the same command with --yes.\n"
        )
    settings = "".join(f"{name}={value}\n" for name, value in done.settings().items())
    return (
        f"Published to {done.url}\n{_table([*rows, ('commit', done.commit)])}"
        f"\nSettings of the Space, under Variables:\n{settings}"
        f"\nIn the front matter of the Space's README.md:\n{done.preload_line()}\n"
    )


def _table(rows: list[tuple[str, str]]) -> str:
    return "".join(f"{name:<10}{printable(value)}\n" for name, value in rows)
