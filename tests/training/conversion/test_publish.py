"""`popscore publish` against a Hub in miniature, with the real huggingface_hub. Needs neither torch nor onnx to run."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml
from commands import Finished, Run
from hub_server import Hub
from hub_uploads import Uploads
from onnx_files import METADATA, tiny

REPO, TOKEN = "jane/popularity", "hf_jane_writes"
MODEL = tiny(
    metadata={
        **METADATA,
        "popscore.name": "Test | model",
        "popscore.kind": "popularity",
        "popscore.input_size": "[224, 224]",
        "popscore.license": "CC-BY-4.0",
        "popscore.description": "<b>Bold</b>\n# claim",
        "popscore.weights": "weights of your own",
    }
)
SHA256 = hashlib.sha256(MODEL).hexdigest()

# The command line with the waits between huggingface_hub's attempts left out, and less patience with silence.
_HASTY = """
import sys, time
time.sleep = lambda seconds: None
from popscore.models.hub import upload
upload.PATIENCE_S = 0.5
from popscore.cli.entry import main
sys.exit(main())
"""


@pytest.fixture
def uploads(hub: Hub) -> Uploads:
    return Uploads(hub, writers={TOKEN: {"jane"}})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "some.onnx"
    path.write_bytes(MODEL)
    return path


def publish(run: Run, hub: Hub, model: Path, *arguments: str, repo: str = REPO, **variables: str) -> Finished:
    found = run(
        "publish",
        model,
        "--repo",
        repo,
        *arguments,
        code=_HASTY,
        **{"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, **variables},
    )
    assert TOKEN not in found.out + found.err
    return found


def assert_failed(found: Finished, *words: str) -> None:
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith("popscore: ") and found.err.count("\n") == 1, found.err
    assert all(word in found.err for word in words), found.err


# --- a dry run ---------------------------------------------------------------------------------------


def test_nothing_is_sent_without_yes(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    found = publish(run, hub, model)
    assert (found.status, found.err) == (0, "")
    assert "Nothing was sent" in found.out and "--yes" in found.out
    assert REPO in found.out and SHA256 in found.out and "CC-BY-4.0" in found.out
    assert hub.requests == []


def test_a_dry_run_needs_no_token(run: Run, hub: Hub, model: Path) -> None:
    found = publish(run, hub, model, "--json", HF_TOKEN="")
    assert found.json["published"] is False and found.json["commit"] is None
    assert set(found.json["files"]) == {"model.onnx", "README.md", "SHA256SUMS"}


# --- publishing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("part_bytes", [None, pytest.param(300, marks=pytest.mark.slow)])
def test_publish_and_pull_back(run: Run, hub: Hub, uploads: Uploads, model: Path, part_bytes: int | None) -> None:
    uploads.part_bytes = part_bytes
    found = publish(run, hub, model, "--yes")
    assert (found.status, found.err) == (0, "")
    repository = hub.repositories[REPO]
    commit = repository.refs["main"]
    files = repository.commits[commit]
    assert files["model.onnx"] == MODEL
    assert files["SHA256SUMS"].decode() == f"{SHA256}  model.onnx\n"
    settings = dict(line.split("=", 1) for line in found.out.splitlines() if line.startswith("POPSCORE_"))
    assert settings == {
        "POPSCORE_MODEL_REPO": REPO,
        "POPSCORE_MODEL_REVISION": commit,
        "POPSCORE_MODEL_SHA256": SHA256,
    }
    assert f'preload_from_hub: ["{REPO} model.onnx {commit}"]' in found.out
    pulled = run("model", "--json", HF_ENDPOINT=hub.url, POPSCORE_STRICT="1", **settings)
    assert pulled.json["sha256"] == SHA256 and pulled.json["source"] == "hub" and pulled.json["revision"] == commit


def test_publish_as_json(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    done = publish(run, hub, model, "--yes", "--json").json
    commit = hub.repositories[REPO].refs["main"]
    assert done["commit"] == commit and done["published"] is True and done["url"] == f"{hub.url}/{REPO}"
    assert done["settings"]["POPSCORE_MODEL_REVISION"] == commit and commit in done["preload_from_hub"]


def test_a_second_version_keeps_what_is_there(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    first = hub.repository(REPO).commit({".gitattributes": b"*.onnx lfs", "model.onnx": b"older"})
    assert publish(run, hub, model, "--yes").status == 0
    repository = hub.repositories[REPO]
    assert repository.commits[first]["model.onnx"] == b"older"
    now = repository.commits[repository.refs["main"]]
    assert now["model.onnx"] == MODEL and now[".gitattributes"] == b"*.onnx lfs"


def test_a_private_repository(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    assert publish(run, hub, model, "--yes", "--private").status == 0
    assert uploads.private == {REPO}


def test_the_token_goes_to_the_api_only(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    publish(run, hub, model, "--yes")
    for request in hub.requests:
        with_token = "authorization" in request.headers
        # As on the real Hub, the large file itself goes to a signed address.
        assert with_token == (request.method != "PUT"), request


# --- the card ----------------------------------------------------------------------------------------


def card_of(run: Run, hub: Hub, uploads: Uploads, model: Path) -> str:
    publish(run, hub, model, "--yes")
    repository = hub.repositories[REPO]
    return repository.commits[repository.refs["main"]]["README.md"].decode()


def test_the_card_says_what_the_file_says(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    card = card_of(run, hub, uploads, model)
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "cc-by-4.0" and "image-popularity" in front["tags"]
    for words in (
        SHA256,
        f"POPSCORE_MODEL_REPO={REPO}",
        "spearman: 0.5",
        "mean 1.5",
        "CC-BY-4.0",
    ):
        assert words in card, words
    assert "not those of the I2PA authors" in card
    # What comes from the file stays text.
    assert "<b>" not in card and "\n# claim" not in card and "Test \\| model" in card


@pytest.mark.parametrize(
    ("licence", "front"),
    [("MIT", "license: mit\n"), ("Only on Sundays: v2", "license: other\nlicense_name: only-on-sundays-v2\n")],
)
def test_the_licence_in_the_front_matter(
    run: Run, hub: Hub, uploads: Uploads, tmp_path: Path, licence: str, front: str
) -> None:
    path = tmp_path / "licensed.onnx"
    metadata = {**METADATA, "popscore.input_size": "[224, 224]", "popscore.license": licence}
    path.write_bytes(tiny(metadata=metadata))
    assert front in card_of(run, hub, uploads, path)


@pytest.mark.slow
def test_no_licence_is_said_and_never_made_up(run: Run, hub: Hub, uploads: Uploads, tmp_path: Path) -> None:
    path = tmp_path / "unlicensed.onnx"
    metadata = {**METADATA, "popscore.input_size": "[224, 224]", "popscore.license": "", "popscore.accuracy": "{}"}
    path.write_bytes(tiny(metadata=metadata))
    found = publish(run, hub, path, "--yes")
    assert found.status == 0 and "No licence is stated" in found.err
    repository = hub.repositories[REPO]
    card = repository.commits[repository.refs["main"]]["README.md"].decode()
    assert "license:" not in card and "No licence is stated" in card and "Nobody measured" in card


# --- what goes wrong ---------------------------------------------------------------------------------


def test_no_token(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    assert_failed(publish(run, hub, model, "--yes", HF_TOKEN=""), "no token", "HF_TOKEN")
    assert hub.requests == []


def test_wrong_token(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    found = publish(run, hub, model, "--yes", HF_TOKEN="hf_wrong_secret")
    assert_failed(found, "does not know this token (401)", "HF_TOKEN")
    assert "hf_wrong_secret" not in found.err and REPO not in hub.repositories


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.slow
def test_no_write_access(run: Run, hub: Hub, uploads: Uploads, model: Path, exists: bool) -> None:
    if exists:
        before = hub.repository("bob/model").commit({"model.onnx": b"bob's"})
    assert_failed(publish(run, hub, model, "--yes", repo="bob/model"), "may not write there (403)", "--repo")
    assert exists is False or hub.repositories["bob/model"].refs["main"] == before


@pytest.mark.parametrize(
    "step",
    [
        "commit",
        *(pytest.param(other, marks=pytest.mark.slow) for other in ("create", "preupload", "batch", "put", "verify")),
    ],
)
def test_503_leaves_the_repository_as_it_was(run: Run, hub: Hub, uploads: Uploads, model: Path, step: str) -> None:
    before = hub.repository(REPO).commit({"model.onnx": b"older"})
    uploads.statuses[step] = 503
    found = publish(run, hub, model, "--yes")
    assert_failed(found, "the Hub answered 503", "Try again later", "what the repository had is still there")
    assert hub.repositories[REPO].refs["main"] == before


@pytest.mark.slow
def test_interrupted_uploads_are_taken_up_again(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    uploads.cut_puts = 2
    assert publish(run, hub, model, "--yes").status == 0
    repository = hub.repositories[REPO]
    assert repository.commits[repository.refs["main"]]["model.onnx"] == MODEL


@pytest.mark.slow
def test_an_upload_that_always_breaks_off_commits_nothing(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    uploads.cut_puts = 100
    assert_failed(publish(run, hub, model, "--yes"), "the connection broke off", "publish again")
    assert hub.repositories[REPO].commits == {}


@pytest.mark.slow
def test_a_silent_hub_is_given_up(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    hub.silent = True
    assert_failed(publish(run, hub, model, "--yes"), "sent nothing")


def test_no_hub(run: Run, hub: Hub, model: Path) -> None:
    assert_failed(
        publish(run, hub, model, "--yes", HF_ENDPOINT="http://127.0.0.1:9"), "cannot be reached", "HF_ENDPOINT"
    )


def test_offline(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    assert_failed(publish(run, hub, model, "--yes", HF_HUB_OFFLINE="1"), "HF_HUB_OFFLINE")


@pytest.mark.slow
def test_another_file_than_the_one_sent_is_noticed(run: Run, hub: Hub, uploads: Uploads, model: Path) -> None:
    uploads.spoil = True
    assert_failed(publish(run, hub, model, "--yes"), "another file than the one sent", SHA256)


def test_a_bare_file_is_sent_to_convert(run: Run, hub: Hub, tiny_model: Path) -> None:
    assert_failed(publish(run, hub, tiny_model), "says nothing about itself", "popscore convert")


@pytest.mark.parametrize("repo", ["model", "a/b/c", "-a/b", "a/b c", "../x/y", ""])
def test_names_that_are_no_repository(run: Run, hub: Hub, model: Path, repo: str) -> None:
    assert_failed(
        publish(run, hub, model, "--yes", repo=repo)
        if not repo.startswith("-")
        else publish(run, hub, model, "--yes", f"--repo={repo}"),
        "OWNER/NAME",
    )


def test_files_that_are_no_models(run: Run, hub: Hub, tmp_path: Path) -> None:
    assert_failed(publish(run, hub, tmp_path / "missing.onnx"), "There is no model file missing.onnx")
    assert_failed(publish(run, hub, tmp_path), "There is no model file")
    (tmp_path / "text.onnx").write_text("hello")
    assert_failed(publish(run, hub, tmp_path / "text.onnx"), "not an ONNX model")


def test_json_of_a_dry_run_is_json(run: Run, hub: Hub, model: Path) -> None:
    assert json.loads(publish(run, hub, model, "--json").out)["sha256"] == SHA256
