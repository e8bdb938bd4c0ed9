"""The command `train` where torch is not installed, and its arguments. What it does is in tests/training/i2pa."""

import importlib.util
from pathlib import Path

import pytest
from commands import Run
from paired_photos import draw_pairs

HIDDEN = """
import importlib.util as u, sys
find = u.find_spec
u.find_spec = lambda name, *more: None if name == 'torch' else find(name, *more)
from popscore.cli.entry import main
sys.exit(main())
"""


def test_without_torch_the_message_says_how_to_get_it(run_process: Run, tmp_path: Path) -> None:
    pairs = draw_pairs(tmp_path / "set", users=1, each=1)
    found = run_process("train", pairs, "--images", tmp_path / "set" / "photos", "--out", tmp_path / "run", code=HIDDEN)
    assert (found.status, found.out) == (2, "")
    assert "train needs torch" in found.err and "not installed" in found.err
    assert 'pip install "popscore[train]"' in found.err
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_nothing_is_imported_to_say_so(run: Run, tmp_path: Path) -> None:
    found = run("train", tmp_path / "pairs.csv", "--images", tmp_path, "--out", tmp_path / "run")
    assert found.status == 2 and "train needs torch" in found.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", ".", "--out", "run"], "the following arguments are required: PAIRS"),
        (["pairs.csv", "--out", "run"], "required: --images"),
        (["pairs.csv", "--images", "."], "required: --out"),
        (["pairs.csv", "--images", ".", "--out", "run", "--loss", "hinge"], "invalid choice: 'hinge'"),
        (["pairs.csv", "--images", ".", "--out", "run", "--epochs", "0"], "--epochs"),
        (["pairs.csv", "--images", ".", "--out", "run", "--head-rate", "-1"], "'-1' is not a number from 0 on"),
        (["pairs.csv", "--images", ".", "--out", "run", "--seed", "1e3"], "'1e3' is not a whole number"),
        (["pairs.csv", "--images", ".", "--out", "run", "--side", "4096"], "--side 4096: it must be from 32 to 1024"),
        (["pairs.csv", "--images", ".", "--out", "run", "--flip", "2"], "--flip 2.0: it must be from 0 to 1"),
        (["pairs.csv", "--images", ".", "--out", "run", "--freeze", "--crop"], "Leave out --crop or --freeze"),
    ],
)
def test_arguments_that_cannot_be_used(run: Run, arguments: list[str], said: str) -> None:
    found = run("train", *arguments)
    assert (found.status, found.out) == (2, "")
    assert said in found.err
