"""The command line."""

from popscore.cli.entry import main

__all__ = ["main"]
