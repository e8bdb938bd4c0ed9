"""docs/popularity-model.md keeps its promise: each of its commands runs, and every door gives torch's scores.

The stand-in for the authors' weights is a ResNet-50 with random weights, which has the right names and shapes.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files
import pytest
from commands import ROOT, environment
from gradio_client import Client, handle_file
from hub_server import Hub
from hub_uploads import Uploads
from pages import DocumentationPage, add_python
from PIL import Image
from running_app import app_process

import popscore
from popscore.models.spec import I2PA_SPEC
from popscore.settings import Settings

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')

from torch_files import random_resnet50  # noqa: E402

from popscore.training.photo_inputs import inputs_of  # noqa: E402

PAGE = DocumentationPage.read("docs", "popularity-model.md")
SNIPPETS = PAGE.snippets("bash")
TEN = [
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
]
TOKEN = "hf_jane_writes"
SAME = 1e-4


@pytest.fixture(scope="module")
def ten_photos(photos: dict[str, Path]) -> list[Path]:
    folder = photos["cat"].parent
    return [folder / name for name in TEN]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as server:
        Uploads(server, writers={TOKEN: {"jane"}})
        yield server


class Checkout:
    """A folder in which the page's commands run, as in a checkout of their own."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder = folder
        self.variables = environment(folder, HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
        self.output: dict[str, str] = {}

    def run(self, *words: str) -> str:
        """Run the snippet of the page that holds these words, and remember what it printed."""
        return self.execute(PAGE.snippet("bash", *words))

    def execute(self, snippet: str) -> str:
        done = subprocess.run(
            ["sh", "-e", "-c", snippet],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        self.output[snippet] = done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def checkout(
    tmp_path_factory: pytest.TempPathFactory, hub: Hub, ten_photos: list[Path], photos: dict[str, Path]
) -> Checkout:
    """Weights, photos, and this Python under the name that the page uses."""
    folder = tmp_path_factory.mktemp("checkout")
    torch.save(random_resnet50().state_dict(), folder / "model-resnet50.pth")
    (folder / "popscore-app.onnx").write_bytes(onnx_files.resnet50(onnx_files.resnet50_weights()))
    shutil.copy(photos["cat"], folder / "photo.jpg")
    (folder / "photos").mkdir()
    for path in ten_photos:
        with Image.open(path) as photo:
            picture = photo.convert("RGB")
        for number, turn in enumerate((None, Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT)):
            turned = picture if turn is None else picture.transpose(turn)
            turned.save(folder / "photos" / f"{path.stem}-{number}.jpg", quality=92)
    add_python(folder)
    return Checkout(folder, hub)


@pytest.fixture(scope="module")
def walked(checkout: Checkout) -> Checkout:
    """The page from step 2 to step 5, each command as it is printed there."""
    assert "weights of your own" in checkout.run("model-resnet50.pth")
    assert "4 photos with the file as it was" in checkout.run("popscore-app.onnx")
    tried = checkout.run("export POPSCORE_MODEL_PATH")
    assert "popularity" in tried and "photo.jpg" in tried
    published = checkout.run("--yes")
    assert "Nothing was sent" in published and "Published to" in published
    return checkout


def settings_of(walked: Checkout) -> dict[str, str]:
    """The lines that `publish` printed for the Space."""
    lines = "".join(walked.output.values()).splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"POPSCORE_\w+=", line))


def test_every_command_of_the_page_is_run_by_a_test() -> None:
    known = (
        "pip install",
        "model-resnet50.pth",
        "popscore-app",
        "export POPSCORE_MODEL_PATH",
        "--int8",
        "--yes",
        "--json",
    )
    assert len(SNIPPETS) == len(known)
    for word in known:
        assert sum(word in text for text in SNIPPETS) == 1, word


def test_torch_the_file_the_published_file_and_the_api_give_the_same_scores(
    walked: Checkout, hub: Hub, ten_photos: list[Path]
) -> None:
    inputs, failed = inputs_of(ten_photos, I2PA_SPEC)
    assert failed == 0
    with torch.inference_mode():
        net = random_resnet50()
        through_torch = [float(net(torch.from_numpy(photo))[0, 0]) for photo in inputs]
    assert np.std(through_torch) > 0.1  # the photos do differ

    local = popscore.load_scorer(Settings(model_path=walked.folder / "model.onnx"))
    through_file = [local.score(photo).score for photo in ten_photos]
    assert through_file == pytest.approx(through_torch, abs=SAME)

    settings = settings_of(walked)
    assert set(settings) == {"POPSCORE_MODEL_REPO", "POPSCORE_MODEL_REVISION", "POPSCORE_MODEL_SHA256"}
    assert settings["POPSCORE_MODEL_SHA256"] == local.model.sha256
    variables = {**walked.variables, **settings, "POPSCORE_STRICT": "1", "GRADIO_TEMP_DIR": str(walked.folder / "up")}
    done = subprocess.run(
        [sys.executable, "-m", "popscore", "score", "--json", *map(str, ten_photos)],
        cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert answer["model"]["source"] == "hub" and answer["model"]["revision"] == settings["POPSCORE_MODEL_REVISION"]
    assert [result["score"] for result in answer["results"]] == pytest.approx(through_torch, abs=SAME)

    hub.requests.clear()
    with app_process(variables) as url:
        client = Client(url, verbose=False)
        answers = [client.predict(image=handle_file(str(photo)), api_name="/score_image") for photo in ten_photos]
        about: Any = client.predict(api_name="/model_info")
    assert [answer["score"] for answer in answers] == pytest.approx(through_torch, abs=SAME)
    assert answers[0]["model"]["source"] == "hub" and answers[0]["model"]["sha256"] == local.model.sha256
    assert (about["kind"], about["accuracy"]) == ("popularity", {})
    assert hub.requests == []  # a pinned commit that is cached needs no network


def test_the_app_with_the_local_file(walked: Checkout) -> None:
    assert "`POPSCORE_MODEL_PATH=model.onnx .venv/bin/python app.py`" in PAGE
    variables = {**walked.variables, "POPSCORE_MODEL_PATH": str(walked.folder / "model.onnx")}
    with app_process({**variables, "GRADIO_TEMP_DIR": str(walked.folder / "up")}) as url:
        about: Any = Client(url, verbose=False).predict(api_name="/model_info")
    assert (about["source"], about["kind"], about["origin"]) == ("file", "popularity", "model.onnx")


def test_the_settings_work_on_the_command_line(walked: Checkout) -> None:
    walked.variables = {**walked.variables, **settings_of(walked)}
    answer = json.loads(walked.run("--json"))
    assert (answer["model"]["source"], answer["model"]["kind"]) == ("hub", "popularity")


def test_the_preload_line_is_the_one_of_the_page(walked: Checkout) -> None:
    settings = settings_of(walked)
    (line,) = [line for line in PAGE.text.splitlines() if line.startswith("preload_from_hub")]
    printed = "".join(walked.output.values())
    assert line.replace("<the commit>", settings["POPSCORE_MODEL_REVISION"]) in printed.splitlines()


@pytest.mark.slow
def test_the_int8_command(walked: Checkout) -> None:
    """Random weights are no fair test of 8 bits, so the photos are many turns of few, and the limit may be reached."""
    snippet = PAGE.snippet("bash", "--int8")
    printed = walked.execute(snippet.replace("--int8 photos", "--int8 photos --force"))
    assert "calibrated on 15 photos, checked on 15 others" in printed
    assert (walked.folder / "model-int8.onnx").stat().st_size < 30_000_000


@pytest.mark.slow
def test_the_install_command(tmp_path: Path) -> None:
    """In a clean copy of the checkout, from whatever index this machine uses."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "popscore", checkout / "popscore")
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout / name)
    snippet = PAGE.snippet("bash", "pip install")
    subprocess.run(["sh", "-e", "-c", snippet], cwd=checkout, check=True, timeout=900)
    code = "import torch, onnx, popscore.training.conversion.convert"
    subprocess.run([checkout / ".venv/bin/python", "-c", code], cwd=tmp_path, check=True, timeout=60)
