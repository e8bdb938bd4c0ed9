"""The command `publish`. What it needs beyond scoring is imported when it runs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from popscore.cli.answers import json_text, rows_text
from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import ALL_WELL, complain, write
from popscore.foreign_text import printable
from popscore.models.spec import Json

if TYPE_CHECKING:
    from popscore.training.conversion.publish import Publication


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
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
    add_json(publish)
    return publish


def run(options: argparse.Namespace) -> int:
    """Show what would be published, or publish it."""
    from popscore.training.conversion.publish import prepare, upload

    planned = prepare(options.model, options.repo, private=options.private)
    if planned.model.spec.licence is None:
        complain("No licence is stated: without one, others may not use the model. See convert --license.")
    done = upload(planned) if options.yes else planned
    if done.commit and not done.confirmed:
        complain("The Hub has the commit, but did not state the file's SHA-256. Look at the repository's page.")
    write(json_text(_json(done)) if options.json else _text(done))
    return ALL_WELL


def _json(done: "Publication") -> Json:
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


def _text(done: "Publication") -> str:
    rows = [
        ("model", done.model.spec.name),
        ("licence", done.model.spec.licence or "not stated"),
        ("sha256", done.model.sha256),
        *(("file", f"{name} ({len(content):,} bytes)") for name, content in done.files.items()),
    ]
    if done.commit is None:
        card = "".join(f"  {printable(line)}\n" for line in done.files["README.md"].decode().splitlines())
        return (
            f"This would go to {done.repo}:\n{rows_text(rows, width=10)}README.md:\n{card}"
            "Nothing was sent. To publish, run the same command with --yes.\n"
        )
    settings = "".join(f"{name}={value}\n" for name, value in done.settings().items())
    return (
        f"Published to {done.url}\n{rows_text([*rows, ('commit', done.commit)], width=10)}"
        f"\nSettings of the Space, under Variables:\n{settings}"
        f"\nIn the front matter of the Space's README.md:\n{done.preload_line()}\n"
    )
