"""The Hub, with the real huggingface_hub talking to a small server that speaks its protocol."""

import hashlib
import time
from pathlib import Path

import pytest
from commands import Finished, Run
from hub_server import Hub, Repository
from onnx_files import tiny

from popscore.models.hub import download

REPO = "someone/popularity"
MODEL = tiny()
SHA256 = hashlib.sha256(MODEL).hexdigest()

# The command line, waiting for the Hub for 1.5 seconds instead of 15.
_IMPATIENT = """
import sys
from popscore.models.hub import download as hub
hub.PATIENCE_S = 1.5
from popscore.cli.entry import main
sys.exit(main())
"""


@pytest.fixture
def repository(hub: Hub) -> Repository:
    found = hub.repository(REPO)
    found.commit({"model.onnx": MODEL})
    return found


def ask(run: Run, hub: Hub, *, code: str | None = None, **variables: str | Path) -> Finished:
    """`popscore model --json` with the model of the Hub."""
    return run("model", "--json", code=code, **{"HF_ENDPOINT": hub.url, "POPSCORE_MODEL_REPO": REPO, **variables})


def assert_fallback(found: Finished, *words: str) -> None:
    """The embedded model answered, and JSON and standard error say why, in one line."""
    assert found.status == 0, found.err
    model = found.json
    assert model["source"] == "embedded" and model["revision"] is None and model["kind"] == "appeal"
    assert all(word in model["notice"] for word in words), model["notice"]
    assert found.err == f"popscore: {model['notice']}\n"


def assert_strict(found: Finished, *words: str) -> None:
    """Exit status 2, nothing on standard output and one clear line on standard error."""
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith("popscore: ") and found.err.count("\n") == 1, found.err
    assert all(word in found.err for word in words), found.err


# --- pulling -----------------------------------------------------------------------------------------


def test_pull(run: Run, hub: Hub, repository: Repository) -> None:
    found = ask(run, hub)
    assert (found.status, found.err) == (0, "")
    model = found.json
    assert model["source"] == "hub" and model["origin"] == REPO and model["notice"] is None
    assert model["revision"] == repository.refs["main"] and model["sha256"] == SHA256
    assert [request.method for request in hub.requests] == ["HEAD", "GET"]


def test_score_with_the_model_of_the_hub(run: Run, hub: Hub, repository: Repository, cat: Path) -> None:
    found = run("score", "--json", cat, HF_ENDPOINT=hub.url, POPSCORE_MODEL_REPO=REPO)
    assert found.json["model"]["source"] == "hub" and found.json["results"][0]["score"] > 0


def test_small_file_and_renamed_repository(run: Run) -> None:
    """A file without LFS is answered directly; a relative redirect is followed."""
    with Hub(large_files=False, relative_redirect=True) as server:
        server.repository(REPO).commit({"model.onnx": MODEL})
        assert ask(run, server).json["sha256"] == SHA256
        assert any(request.path.startswith("/moved/") for request in server.requests)


def test_cache_without_links(run: Run, hub: Hub, repository: Repository) -> None:
    first = ask(run, hub, HF_HUB_DISABLE_SYMLINKS="1", POPSCORE_MODEL_REVISION=repository.refs["main"])
    assert first.json["sha256"] == SHA256 and first.json["revision"] == repository.refs["main"]


def test_branch_tag_and_subfolder(run: Run, hub: Hub, repository: Repository) -> None:
    other = tiny(factor=2.0)
    tag = repository.commit({"onnx/fp32/model.onnx": other}, ref="v1.0")
    found = ask(run, hub, POPSCORE_MODEL_REVISION="v1.0", POPSCORE_MODEL_FILE="onnx/fp32/model.onnx").json
    assert found["revision"] == tag and found["sha256"] == hashlib.sha256(other).hexdigest()
    assert ask(run, hub, POPSCORE_MODEL_REVISION="main").json["sha256"] == SHA256


def test_pinned_commit_makes_no_request_once_cached(run: Run, hub: Hub, repository: Repository) -> None:
    commit = repository.refs["main"]
    first = ask(run, hub, POPSCORE_MODEL_REVISION=commit)
    hub.requests.clear()
    second = ask(run, hub, POPSCORE_MODEL_REVISION=commit)
    assert first.json == second.json and second.json["revision"] == commit
    assert hub.requests == []


@pytest.mark.slow
def test_branch_follows_the_hub(run: Run, hub: Hub, repository: Repository) -> None:
    ask(run, hub)
    newer = repository.commit({"model.onnx": tiny(factor=3.0)})
    assert ask(run, hub).json["revision"] == newer


def test_token_goes_to_the_hub_only(run: Run, hub: Hub, repository: Repository) -> None:
    repository.token = "hf_secret"
    assert ask(run, hub, HF_TOKEN="hf_secret").json["source"] == "hub"
    (head,), (get,) = hub.seen("HEAD"), hub.seen("GET")
    assert head.headers["authorization"] == "Bearer hf_secret"
    assert get.path.startswith("/cdn/") and "authorization" not in get.headers


# --- without the Hub ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_offline_with_cache(run: Run, hub: Hub, repository: Repository) -> None:
    first = ask(run, hub)
    hub.requests.clear()
    assert ask(run, hub, HF_HUB_OFFLINE="1").json == first.json
    assert hub.requests == []


@pytest.mark.slow
def test_offline_without_cache(run: Run, hub: Hub, repository: Repository, embedded_model: Path) -> None:
    assert_fallback(ask(run, hub, HF_HUB_OFFLINE="1"), REPO, "HF_HUB_OFFLINE")
    assert_strict(ask(run, hub, HF_HUB_OFFLINE="1", POPSCORE_STRICT="1"), "HF_HUB_OFFLINE")
    assert hub.requests == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["closed", "503", "silent", "cut"])
def test_cached_branch_survives_a_dead_hub(run: Run, hub: Hub, repository: Repository, fault: str) -> None:
    first = ask(run, hub)
    url = hub.url
    if fault == "closed":
        url = "http://127.0.0.1:9"
    elif fault == "503":
        hub.status = 503
    elif fault == "silent":
        hub.silent = True
    else:
        hub.cut_requests = True
    second = ask(run, hub, code=_IMPATIENT, HF_ENDPOINT=url)
    assert second.json == first.json and second.err == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense"])
def test_no_hub_there(run: Run, hub: Hub, url: str) -> None:
    found = ask(run, hub, code=_IMPATIENT, HF_ENDPOINT=url, POPSCORE_STRICT="1")
    assert_strict(found, REPO)


# --- refusals of the Hub -----------------------------------------------------------------------------

# One process for many repositories: prints the message for each.
_REFUSALS = """
import json, sys
from popscore.errors import ModelUnavailable
from popscore.models import load_model
from popscore.settings import Settings
messages = {}
for repo in sys.argv[1:]:
    try:
        load_model(Settings(model_repo=repo, strict=True))
    except ModelUnavailable as error:
        messages[repo] = str(error)
print(json.dumps(messages))
"""


@pytest.mark.parametrize("variables", [{}, {"HF_TOKEN": "hf_mine"}], ids=["no token", "token"])
def test_refused_by_the_hub(run: Run, hub: Hub, variables: dict[str, str]) -> None:
    for name in ("private", "gated", "no_revision", "no_file"):
        hub.repository(f"a/{name}").commit({"model.onnx": MODEL})
    hub.repository("a/private").token = "hf_another"
    hub.repository("a/gated").gated = True
    hub.repository("a/no_revision").refs.clear()
    hub.repository("a/no_file").commit({"other.onnx": MODEL})
    next_steps = {
        "a/missing": "POPSCORE_MODEL_REPO",
        "a/private": "HF_TOKEN",
        "a/gated": "gated",
        "a/no_revision": "POPSCORE_MODEL_REVISION",
        "a/no_file": "POPSCORE_MODEL_FILE",
        "a--b/c": "POPSCORE_MODEL_REPO",
    }
    messages = run(*next_steps, code=_REFUSALS, HF_ENDPOINT=hub.url, **variables).json
    assert messages.keys() == next_steps.keys()
    for repo, message in messages.items():
        assert repo in message and next_steps[repo] in message


@pytest.mark.parametrize(("status", "words"), [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "the Hub answered 404")])
def test_refused_without_a_code(run: Run, hub: Hub, status: int, words: str) -> None:
    hub.status = status
    assert_strict(ask(run, hub, POPSCORE_STRICT="1"), words)


def test_fallback_is_announced(run: Run, hub: Hub, embedded_model: Path, cat: Path) -> None:
    assert_fallback(ask(run, hub), REPO, "no such repository", "embedded")
    scored = run("score", "--json", cat, HF_ENDPOINT=hub.url, POPSCORE_MODEL_REPO=REPO)
    assert scored.status == 0 and scored.err.count("\n") == 1
    assert scored.json["model"]["source"] == "embedded" and REPO in scored.json["model"]["notice"]


def test_hub_variable_that_cannot_be_used(run: Run, hub: Hub) -> None:
    assert_strict(ask(run, hub, HF_HUB_ETAG_TIMEOUT="soon", POPSCORE_STRICT="1"), "HF_*")


def test_cache_that_cannot_be_written(run: Run, hub: Hub, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert_strict(ask(run, hub, HF_HOME=tmp_path / "file", POPSCORE_STRICT="1"), "HF_HOME")


# --- patience ----------------------------------------------------------------------------------------


def test_patience_is_shorter_than_the_retries_of_huggingface_hub() -> None:
    assert download.PATIENCE_S < 23


def test_503_for_ever(run: Run, hub: Hub, repository: Repository, embedded_model: Path) -> None:
    """The process ends soon after the fall-back, although huggingface_hub goes on trying."""
    hub.status = 503
    start_s = time.monotonic()
    assert_fallback(ask(run, hub, code=_IMPATIENT), "sent nothing for")
    assert 1.5 <= time.monotonic() - start_s < 15


@pytest.mark.slow
def test_strict_503(run: Run, hub: Hub, repository: Repository) -> None:
    hub.status = 503
    start_s = time.monotonic()
    assert_strict(ask(run, hub, code=_IMPATIENT, POPSCORE_STRICT="1"), "sent nothing for")
    assert time.monotonic() - start_s < 15  # a start of Python on a busy machine is in it


@pytest.mark.parametrize("fault", ["silent from the start", "silent in the middle"])
def test_silence(run: Run, hub: Hub, repository: Repository, fault: str) -> None:
    if fault == "silent from the start":
        hub.silent = True
    else:
        hub.silent_after = 100
    start_s = time.monotonic()
    assert_strict(ask(run, hub, code=_IMPATIENT, POPSCORE_STRICT="1"), "sent nothing for")
    assert time.monotonic() - start_s < 15  # a start of Python on a busy machine is in it


@pytest.mark.slow
def test_slow_download_is_not_given_up(run: Run, hub: Hub) -> None:
    """Bytes keep coming for twice as long as the patience."""
    padded = tiny(metadata={"padding": "x" * 260_000})
    hub.repository(REPO).commit({"model.onnx": padded})
    hub.dribble_s, hub.dribble_bytes = 0.1, 8192
    start_s = time.monotonic()
    found = ask(run, hub, code=_IMPATIENT)
    assert time.monotonic() - start_s > 3
    assert found.json["sha256"] == hashlib.sha256(padded).hexdigest()


# --- damage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignore_range", [False, True])
def test_cut_connection_is_resumed(run: Run, hub: Hub, ignore_range: bool) -> None:
    large = tiny(metadata={"padding": "x" * 100_000})
    hub.repository(REPO).commit({"model.onnx": large})
    hub.cut_after, hub.cuts, hub.ignore_range = 40_000, 1, ignore_range
    found = ask(run, hub)
    assert (found.status, found.err) == (0, "")
    assert found.json["sha256"] == hashlib.sha256(large).hexdigest()
    assert hub.seen("GET")[1].headers["range"].startswith("bytes=")


def test_connection_cut_for_ever(run: Run, hub: Hub, repository: Repository) -> None:
    hub.cut_after, hub.cuts = 0, 1_000
    start_s = time.monotonic()
    assert_strict(ask(run, hub, code=_IMPATIENT, POPSCORE_STRICT="1"), REPO)
    assert time.monotonic() - start_s < 15


@pytest.mark.slow
def test_damaged_download_is_refused_and_fetched_anew(run: Run, hub: Hub, repository: Repository) -> None:
    """The Hub states the SHA-256 of a large file; huggingface_hub does not compare it."""
    pinned = {"POPSCORE_MODEL_REVISION": repository.refs["main"], "POPSCORE_STRICT": "1"}
    hub.corrupt = True
    assert_strict(ask(run, hub, **pinned), "damaged", "SHA-256")
    hub.corrupt = False
    assert ask(run, hub, **pinned).json["sha256"] == SHA256


def test_damaged_download_falls_back(run: Run, hub: Hub, repository: Repository, embedded_model: Path) -> None:
    hub.corrupt = True
    assert_fallback(ask(run, hub), "damaged")


def test_right_sha256(run: Run, hub: Hub, repository: Repository) -> None:
    found = ask(run, hub, POPSCORE_MODEL_SHA256=SHA256.upper(), POPSCORE_STRICT="1")
    assert found.json["sha256"] == SHA256


@pytest.mark.slow
def test_wrong_sha256(run: Run, hub: Hub, repository: Repository, embedded_model: Path) -> None:
    wanted = "0" * 64
    assert_strict(ask(run, hub, POPSCORE_MODEL_SHA256=wanted, POPSCORE_STRICT="1"), SHA256, wanted)
    hub.requests.clear()
    # From the cache, too, it is refused.
    pinned = repository.refs["main"]
    found = ask(run, hub, POPSCORE_MODEL_SHA256=wanted, POPSCORE_MODEL_REVISION=pinned)
    assert_fallback(found, "POPSCORE_MODEL_SHA256")
    assert hub.requests == []


def test_file_that_is_not_onnx(run: Run, hub: Hub, embedded_model: Path) -> None:
    hub.repository(REPO).commit({"model.onnx": b"<html>model</html>"})
    assert_strict(ask(run, hub, POPSCORE_STRICT="1"), f"model.onnx of {REPO}", "not an ONNX model")
    assert_fallback(ask(run, hub), "not an ONNX model")
