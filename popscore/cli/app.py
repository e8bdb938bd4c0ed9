"""The command `app`."""

import argparse

from popscore.cli.arguments import Commands
from popscore.cli.terminal import ALL_WELL


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    return commands.add_parser("app", help="start the web app, the same as python app.py")


def run(_options: argparse.Namespace) -> int:
    """Serve the app until it is stopped."""
    from popscore.ui import launch  # gradio takes two seconds to import; only this command needs it

    launch()
    return ALL_WELL
