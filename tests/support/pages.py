"""Pages of the documentation: their snippets, and folders in which these run as a reader runs them."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from commands import ROOT, environment

_SNIPPET = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class DocumentationPage:
    """A page's text, such as that of `docs/study.md`."""

    text: str

    @classmethod
    def read(cls, *path: str) -> "DocumentationPage":
        return cls(ROOT.joinpath(*path).read_text(encoding="utf-8"))

    def __contains__(self, words: str) -> bool:
        return words in self.text

    def snippets(self, language: str) -> list[str]:
        """All of one language, in their order."""
        return [text for found, text in _SNIPPET.findall(self.text) if found == language]

    def snippet(self, language: str, *words: str) -> str:
        """The only one of a language that holds these words."""
        (found,) = [text for text in self.snippets(language) if all(word in text for word in words)]
        return found

    def commands(self) -> list[str]:
        """What a reader types; not the benchmarks, which say where a figure comes from and want data of their own."""
        return [text for text in self.snippets("bash") if "tests/benchmarks/" not in text]


def add_python(folder: Path) -> None:
    """This Python, under the name that pages use."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


def execute(folder: Path, *command: str, timeout_s: float = 120) -> str:
    """Run a command in a folder; returns its standard output. It must end well."""
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=timeout_s
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def type_in(folder: Path, snippet: str, *, timeout_s: float = 120) -> str:
    """Run a snippet of the shell, as `execute` does."""
    return execute(folder, "sh", "-e", "-c", snippet, timeout_s=timeout_s)
