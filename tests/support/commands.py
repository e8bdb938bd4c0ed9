"""Commands: what they are given, and what they leave behind."""

import io
import json
import os
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popscore.cli import main

ROOT = Path(__file__).parents[2]
# Variables with these beginnings never reach a test from outside.
OWN_PREFIXES = ("POPSCORE_", "HF_", "HUGGING", "GRADIO_", "TRANSFORMERS_")
# With PYTHONUNBUFFERED, for one, nothing would be left to write when Python ends.
_NOT_FOR_COMMANDS = (*OWN_PREFIXES, "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONWARNINGS")


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


Run = Callable[..., Finished]


def environment(home: Path, **variables: str | Path) -> dict[str, str]:
    """The environment of a process: nothing of popscore's or the Hub's from outside, and proxies off."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_FOR_COMMANDS) and "proxy" not in name.lower()
    }
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "HF_HOME": str(home / "hf"),
        "POPSCORE_CACHE_DIR": str(home / "cache"),
        **{name: str(value) for name, value in variables.items()},
    }


def finished_here(arguments: Iterable[str]) -> Finished:
    """Run a command in this process, with streams of its own."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        try:
            status = main(list(arguments))
        except SystemExit as left:  # argparse, after help and for what it does not understand
            status = left.code if isinstance(left.code, int) else 0
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
    return Finished(status, *texts)
