"""The command `cache`."""

import argparse

from popscore.cli.answers import json_text, rows_text
from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import ALL_WELL, write
from popscore.errors import ExportFailed, InvalidSetting
from popscore.models.spec import Json
from popscore.settings import Settings


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    cache = commands.add_parser("cache", help="where scores of earlier runs are kept, and how many")
    cache.add_argument("--clear", action="store_true", help="forget them")
    add_json(cache)
    return cache


def run(options: argparse.Namespace) -> int:
    """Say where the cache is and what is in it, after clearing it if asked for."""
    state = _state(clear=options.clear)
    write(json_text(state) if options.json else _text(state))
    return ALL_WELL


def _state(*, clear: bool) -> Json:
    from popscore.scoring.cache_file import cache_file, cache_state, clear_cache

    path = cache_file(Settings.from_environment())
    if path is None:
        raise InvalidSetting("There is no cache: the system does not say where your files are. Set POPSCORE_CACHE_DIR.")
    if clear:
        try:
            clear_cache(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ExportFailed(f"The score cache {path} could not be cleared: {reason}. Remove it yourself.") from error
    state = cache_state(path)
    return {"file": str(state.path), "scores": state.scores, "files": state.files, "size_bytes": state.size_bytes}


def _text(state: Json) -> str:
    return rows_text(
        [
            ("file", state["file"]),
            ("scores", f"{state['scores']}"),
            ("files", f"{state['files']} known by size and times"),
            ("size", f"{state['size_bytes'] / 1e6:.1f} MB"),
        ],
        width=8,
    )
