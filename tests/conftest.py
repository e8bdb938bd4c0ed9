"""What all tests share: photos, tiny models, and an environment of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import onnx_files
import pytest
from commands import OWN_PREFIXES, ROOT, Finished, Run, environment, finished_here
from hub_server import Hub
from onnx_files import METADATA, tiny

from popscore.models import loader

_PHOTOS = {"cat": "chelsea.png", "coffee": "coffee.png", "astronaut": "astronaut.png", "rocket": "rocket.jpg"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches popscore."""
    for name in list(os.environ):
        # A running app keeps its upload folder in GRADIO_TEMP_DIR.
        if name.startswith(OWN_PREFIXES) and name != "GRADIO_TEMP_DIR":
            monkeypatch.delenv(name)


# --- photos -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def photos() -> dict[str, Path]:
    """Four photographs of scikit-image by name: cat, coffee, astronaut, rocket."""
    # Found, not imported: importing scikit-image takes half a second.
    folder = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"
    return {name: folder / file for name, file in _PHOTOS.items()}


@pytest.fixture(scope="session")
def cat(photos: dict[str, Path]) -> Path:
    return photos["cat"]


@pytest.fixture(scope="session")
def clip() -> Path:
    """A clip of 5 seconds that gradio brings along."""
    return Path(str(find_spec("gradio").submodule_search_locations[0])) / "media_assets" / "videos" / "world.mp4"


# --- models -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny_model(models: Path) -> Path:
    """A bare I2PA-shaped file; its score is 4 times the mean brightness."""
    path = models / "tiny.onnx"
    path.write_bytes(tiny())
    return path


@pytest.fixture(scope="session")
def described_model(models: Path) -> Path:
    """A tiny model with all metadata: kind appeal, 32 x 48 (height x width)."""
    path = models / "described.onnx"
    path.write_bytes(tiny(size=(32, 48), metadata=METADATA))
    return path


@pytest.fixture(scope="session")
def resnet50_weights() -> onnx_files.Weights:
    return onnx_files.resnet50_weights()


@pytest.fixture(scope="session")
def resnet50_file(models: Path, resnet50_weights: onnx_files.Weights) -> Path:
    """A ResNet-50 with random weights, fixed batch of 1, in the form of a PopScore file (94 MB)."""
    path = models / "resnet50.onnx"
    path.write_bytes(onnx_files.resnet50(resnet50_weights))
    return path


@pytest.fixture(scope="session")
def embedded_model() -> Path:
    path = Path(str(files("popscore.models") / "embedded" / "model.onnx"))
    assert path.is_file(), "the embedded model is missing from the checkout"
    return path


# --- the command line --------------------------------------------------------------------------------


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """Runs `python -m popscore ARGUMENTS` as a process, with the given environment variables and an empty HF_HOME."""

    def run_process(
        *arguments: str | Path,
        code: str | None = None,
        timeout_s: float = 40,
        cwd: Path = ROOT,
        text_encoding: str = "utf-8",
        **variables: str | Path,
    ) -> Finished:
        command = [sys.executable, *(["-c", code] if code else ["-m", "popscore"]), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=cwd, env=environment(tmp_path, **variables), capture_output=True, timeout=timeout_s
        )
        finished = Finished(done.returncode, done.stdout.decode(text_encoding), done.stderr.decode(text_encoding))
        assert "Traceback" not in finished.err, finished.err
        return finished

    return run_process


@pytest.fixture
def run(tmp_path: Path, run_process: Run) -> Run:
    """Runs `popscore ARGUMENTS` by its entry, in this process, with the given environment variables of popscore.

    A start of Python costs more than most commands. What only a process shows is run as one all the same: other
    code, another encoding, and variables that libraries read once, such as those of the Hub.
    """

    def run(*arguments: str | Path, cwd: Path = ROOT, **options: str | Path) -> Finished:
        if any(not name.startswith("POPSCORE_") for name in options):
            return run_process(*arguments, cwd=cwd, **options)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"POPSCORE_CACHE_DIR": tmp_path / "cache", **options}.items():
                patch.setenv(name, str(value))
            if any(name.startswith("POPSCORE_MODEL") for name in options):
                patch.setattr(loader, "_loaded", {})  # "tiny.onnx" is another file in another folder
            patch.chdir(cwd)
            return finished_here(map(str, arguments))

    return run


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        yield server
