"""The command line: JSON, exit statuses, and nothing unexpected on either stream."""

import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

import pytest
from commands import ROOT, Run, environment
from hub_server import Hub
from onnx_files import METADATA, tiny
from PIL import Image

import popscore

SHA256 = re.compile(r"[0-9a-f]{64}")
TINY = MappingProxyType({"POPSCORE_MODEL_PATH": "tiny.onnx"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a tiny model and some photos: bright, dark, twin (of bright), broken."""
    (tmp_path / "tiny.onnx").write_bytes(tiny())
    for name, value in (("bright", 250), ("dark", 10), ("twin", 250)):
        Image.new("RGB", (60, 40), (value,) * 3).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    return tmp_path


# --- score -------------------------------------------------------------------------------------------


def test_score_json(run: Run, folder: Path) -> None:
    """The shape that CONTRACT.md promises, to the letter."""
    found = run("score", "--json", "dark.png", "bright.png", "twin.png", cwd=folder, **TINY)
    assert (found.status, found.err) == (0, "")
    document = found.json
    assert list(document) == ["model", "results", "errors"]
    model = document["model"]
    assert SHA256.fullmatch(model.pop("sha256"))
    assert model == {
        "name": "I2PA-style popularity model",
        "kind": "popularity",
        "source": "file",
        "revision": None,
        "notice": None,
    }
    first = document["results"][0]
    assert list(first) == ["file", "rank", "score", "percentile", "label", "color", "width", "height", "warning"]
    assert first == {
        "file": "dark.png",
        "rank": 3,
        "score": pytest.approx(4 * 10 / 255, abs=1e-3),
        "percentile": 3.5,
        "label": "Fair",
        "color": "#F59E0B",
        "width": 60,
        "height": 40,
        "warning": "almost_black",
    }
    assert [(photo["file"], photo["rank"]) for photo in document["results"][1:]] == [("bright.png", 1), ("twin.png", 1)]
    assert document["errors"] == []


def test_score_text(run: Run, folder: Path) -> None:
    found = run("score", "dark.png", "./bright.png", cwd=folder, **TINY)
    assert (found.status, found.err) == (0, "")
    dark, bright = found.out.splitlines()
    assert dark.split()[:8] == ["0.16", "Fair", "more", "popular", "than", "4", "of", "100"]
    assert dark.endswith("  dark.png  (almost black)")
    assert bright.startswith("  3.92  Good") and bright.endswith("./bright.png  (one colour)")
    assert "\x1b" not in found.out  # no colours for a pipe


def test_an_appeal_model_never_speaks_of_popularity(run: Run, folder: Path) -> None:
    (folder / "appeal.onnx").write_bytes(tiny(size=(32, 48), metadata=METADATA))
    for command in (["score", "dark.png"], ["model"]):
        found = run(*command, cwd=folder, POPSCORE_MODEL_PATH="appeal.onnx")
        assert found.status == 0 and "appeal" in found.out and "popular" not in found.out


def test_one_bad_photo_among_good(run: Run, folder: Path) -> None:
    names = ["dark.png", "broken.jpg", "missing.jpg", "bright.png", "."]
    found = run("score", "--json", *names, cwd=folder, **TINY)
    assert found.status == 1
    assert [photo["file"] for photo in found.json["results"]] == ["dark.png", "bright.png"]
    errors = found.json["errors"]
    assert [list(error) for error in errors] == [["file", "error", "message"]] * 3
    assert [error["file"] for error in errors] == ["broken.jpg", "missing.jpg", "."]
    assert {error["error"] for error in errors} == {"UnreadableImage"}
    assert found.err == "".join(f"popscore: {error['message']}\n" for error in errors)


def test_nothing_readable(run: Run, folder: Path) -> None:
    found = run("score", "--json", "broken.jpg", cwd=folder, **TINY)
    assert found.status == 2
    assert found.json["results"] == [] and len(found.json["errors"]) == 1


def test_order_is_kept(run: Run, folder: Path) -> None:
    names = ["dark.png", "bright.png", "twin.png"] * 10
    found = run("score", "--json", *names, cwd=folder, **TINY)
    assert [photo["file"] for photo in found.json["results"]] == names
    assert [photo["rank"] for photo in found.json["results"]] == [21, 1, 1] * 10


@pytest.mark.parametrize(
    "arguments",
    [[], ["score"], ["score", "--top"], ["unknown"], ["model", "extra"], ["score", "a.png", "--size", "3"], ["--json"]],
)
def test_usage(run: Run, arguments: list[str]) -> None:
    found = run(*arguments)
    assert (found.status, found.out) == (2, "") and "usage: popscore" in found.err


def test_help_and_version(run: Run) -> None:
    assert run("--version").out == f"popscore {popscore.__version__}\n"
    found = run("--help")
    assert found.status == 0 and all(command in found.out for command in ("score", "model", "app"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"POPSCORE_MODEL_PATH": "missing.onnx"}, "missing.onnx"),
        ({"POPSCORE_MODEL_PATH": "dark.png"}, "dark.png was refused"),
        ({"POPSCORE_MAX_FILES": "many"}, "POPSCORE_MAX_FILES"),
        ({"POPSCORE_MODEL_REPO": "popscore"}, "OWNER/NAME"),
    ],
)
@pytest.mark.parametrize("command", [["score", "--json", "dark.png"], ["model"]])
def test_no_model(run: Run, folder: Path, command: list[str], variables: dict[str, str], words: str) -> None:
    found = run(*command, cwd=folder, **variables)
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith("popscore: ") and found.err.count("\n") == 1 and words in found.err


# --- odd names ---------------------------------------------------------------------------------------

ODD_NAMES = [
    "two\nlines.png",
    "\x1b[31mred\x1b[2J.png",
    "größe 写真 🌄.png",
    "-dash.png",
    "\udcff\udcfe.png",
    "tab\t.png",
]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_odd_names(run: Run, folder: Path, encoding: str) -> None:
    for name in ODD_NAMES:
        (folder / name).write_bytes((folder / "dark.png").read_bytes())
    variables = {**TINY, "PYTHONIOENCODING": encoding}
    names = [*ODD_NAMES, *(f"missing {name}" for name in ODD_NAMES)]
    found = run("score", "--json", "--", *names, cwd=folder, text_encoding=encoding, **variables)
    assert found.status == 1
    assert [photo["file"] for photo in found.json["results"]] == ODD_NAMES
    assert [error["file"] for error in found.json["errors"]] == [f"missing {name}" for name in ODD_NAMES]
    assert found.err.count("\n") == len(ODD_NAMES) and "\x1b" not in found.err

    text = run("score", "--", *ODD_NAMES, cwd=folder, text_encoding=encoding, **variables)
    assert text.status == 0 and text.err == ""
    assert text.out.count("\n") == len(ODD_NAMES) and "\x1b" not in text.out and "\t" not in text.out
    assert r"two\nlines.png" in text.out and r"\x1b[31mred" in text.out and "-dash.png" in text.out
    assert ("größe" in text.out) == (encoding != "ascii")


def test_metadata_of_a_model_cannot_move_the_cursor(run: Run, folder: Path) -> None:
    evil = {**METADATA, "popscore.name": "\x1b[2Jgone\nrevision      1", "popscore.accuracy": '{"\\u001b[2J": 1}'}
    (folder / "evil.onnx").write_bytes(tiny(size=(32, 48), metadata=evil))
    found = run("model", cwd=folder, POPSCORE_MODEL_PATH="evil.onnx")
    assert found.status == 0 and "\x1b" not in found.out and r"\x1b[2Jgone\nrevision" in found.out


# --- streams -----------------------------------------------------------------------------------------


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A shell command with $POPSCORE standing for `python -m popscore`."""
    line = command.replace("$POPSCORE", f"{sys.executable} -m popscore")
    variables = environment(folder, **TINY)
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, env=variables, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("arguments", ["score dark.png", "score --json dark.png", "model", "model --json"])
def test_broken_pipe(folder: Path, arguments: str) -> None:
    done = shell(f"$POPSCORE {arguments} | head -0", folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_nobody_reads_the_errors(folder: Path) -> None:
    done = shell("$POPSCORE score dark.png broken.jpg 2>&1 | head -0", folder)
    assert done.stdout + done.stderr == "" and done.returncode in (1, 120)  # 120: Python could not flush stderr


def test_full_disk(folder: Path) -> None:
    done = shell("$POPSCORE score dark.png > /dev/full", folder)
    assert done.returncode == 2
    assert done.stderr == (
        "popscore: The answer could not be written: No space left on device. Check the disk or the pipe it goes to.\n"
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(folder: Path, closed: str) -> None:
    done = shell(f"$POPSCORE score dark.png {closed}", folder)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert bool(done.stdout) == (">&-" not in closed.replace("2>&-", ""))


def test_interrupt(folder: Path, hub: Hub) -> None:
    """Ctrl-C while the Hub is silent ends at once, in one line."""
    hub.silent = True
    variables = environment(folder, HF_ENDPOINT=hub.url, POPSCORE_MODEL_REPO="a/b")
    process = subprocess.Popen(
        [sys.executable, "-m", "popscore", "model"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline_s = time.monotonic() + 20
    while not hub.requests and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, out, err) == (130, b"", b"popscore: stopped\n")


# --- model -------------------------------------------------------------------------------------------


def test_model_json(run: Run, folder: Path) -> None:
    (folder / "described.onnx").write_bytes(tiny(size=(32, 48), metadata=METADATA))
    found = run("model", "--json", cwd=folder, POPSCORE_MODEL_PATH="described.onnx")
    assert (found.status, found.err) == (0, "")
    document = found.json
    assert SHA256.fullmatch(document.pop("sha256"))
    bands = document["scale"].pop("bands")
    assert bands == [
        {"label": "Excellent", "color": "#10B981", "from": 4.0},
        {"label": "Good", "color": "#3B82F6", "from": 2.0},
        {"label": "Fair", "color": "#F59E0B", "from": 0.0},
        {"label": "Poor", "color": "#EF4444", "from": None},
    ]
    assert document == {
        "name": "tiny",
        "kind": "appeal",
        "source": "file",
        "revision": None,
        "notice": None,
        "version": "7",
        "description": "Mean brightness.",
        "origin": "described.onnx",
        "input": {
            "size": [32, 48],
            "resize": "squash",
            "view": "photo",
            "mean": [0.1, 0.2, 0.3],
            "std": [0.5, 0.6, 0.7],
        },
        "scale": {
            "reference_mean": 1.5,
            "reference_std": 0.5,
            "reference_population": "photos of a test",
            "win_scale": 2.0,
            "noise": None,
        },
        "accuracy": {"spearman": 0.5},
        "licence": "MIT",
        "training_data": "none",
    }


def test_model_text(run: Run, folder: Path) -> None:
    (folder / "described.onnx").write_bytes(tiny(size=(32, 48), metadata=METADATA))
    found = run("model", cwd=folder, POPSCORE_MODEL_PATH="described.onnx")
    assert found.status == 0
    for words in ("tiny 7", "appeal", "file described.onnx", "48 x 32 pixels", "mean 1.5, sd 0.5", "MIT", "spearman"):
        assert words in found.out


# --- the embedded model ------------------------------------------------------------------------------


def test_score_with_the_embedded_model(run: Run, embedded_model: Path, photos: dict[str, Path]) -> None:
    found = run("score", "--json", *photos.values())
    assert (found.status, found.err) == (0, "")
    assert found.json["model"]["source"] == "embedded" and found.json["model"]["kind"] == "appeal"
    assert [photo["file"] for photo in found.json["results"]] == [str(path) for path in photos.values()]


def test_score_imports_no_heavy_library(run: Run, embedded_model: Path, cat: Path) -> None:
    code = (
        "import sys; from popscore.cli.entry import main; status = main();"
        "heavy = {'gradio', 'torch', 'huggingface_hub', 'onnx', 'scipy', 'pandas', 'pillow_heif', 'httpx', 'tqdm'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    found = run("score", cat, code=code)
    assert (found.status, found.err) == (0, "[]\n")


def test_importing_popscore_does_nothing(run: Run) -> None:
    code = (
        "import popscore, sys; from popscore.models import loader; assert not loader._loaded;"
        "assert 'gradio' not in sys.modules"
    )
    found = run(code=code)
    assert (found.status, found.out, found.err) == (0, "", "")


def test_every_public_name_is_there() -> None:
    assert all(hasattr(popscore, name) for name in popscore.__all__)


def test_console_script() -> None:
    """What the installed `popscore` calls is the function that `python -m popscore` calls."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["popscore"].partition(":")
    assert getattr(import_module(module), function) is popscore.cli.entry.main


def test_main_returns_the_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tiny_model: Path, cat: Path
) -> None:
    monkeypatch.setenv("POPSCORE_MODEL_PATH", str(tiny_model))
    assert popscore.cli.entry.main(["score", "--json", str(cat)]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["file"] == str(cat)


def test_nobody_beats_all_or_none_of_the_reference_photos(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(tiny(factor=40.0))
    for name, value in (("white", 255), ("black", 0)):
        Image.new("RGB", (60, 40), (value,) * 3).save(tmp_path / f"{name}.png")
    out = run("score", "white.png", "black.png", cwd=tmp_path, POPSCORE_MODEL_PATH="m.onnx").out
    assert "more popular than 99 of 100 " in out and "100 of 100" not in out and " 0 of 100" not in out
