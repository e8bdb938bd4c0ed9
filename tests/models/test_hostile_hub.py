"""A server that is no Hub: whatever it sends, nothing is written outside of the cache, and popscore goes on."""

import hashlib
import time
from pathlib import Path

import pytest
from commands import Finished, Run
from hub_server import Hub, Repository
from onnx_files import tiny

from popscore.models.hub.cache import Place

pytestmark = pytest.mark.slow

REPO = "someone/popularity"
MODEL = tiny()
SHA256 = hashlib.sha256(MODEL).hexdigest()
COMMIT = "1234567890" * 4

# The command line with other limits, and huggingface_hub's documented way to look into its cache at the end.
_CODE = """
import sys
from popscore.models.hub import {module} as changed
for name, value in {values!r}.items():
    assert hasattr(changed, name)
    setattr(changed, name, value)
from popscore.cli.entry import main
sys.exit(main())
"""


def changed(module: str, **values: float) -> str:
    return _CODE.format(module=module, values=values)


@pytest.fixture
def repository(hub: Hub) -> Repository:
    found = hub.repository(REPO)
    found.commit({"model.onnx": MODEL})
    return found


def ask(run: Run, hub: Hub, *, code: str | None = None, **variables: str | Path) -> Finished:
    return run("model", "--json", code=code, **{"HF_ENDPOINT": hub.url, "POPSCORE_MODEL_REPO": REPO, **variables})


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def assert_embedded(found: Finished, *words: str) -> None:
    """The embedded model answered, with a notice of one line that says why."""
    assert found.status == 0, found.err
    assert found.json["source"] == "embedded" and found.err == f"popscore: {found.json['notice']}\n"
    assert all(word in found.json["notice"] for word in words), found.json["notice"]
    assert found.json["notice"].isprintable() and len(found.json["notice"]) < 500


# --- names -------------------------------------------------------------------------------------------

_OUT = "../../../../outside"


def tags(tmp_path: Path) -> dict[str, str]:
    return {
        "up": _OUT,
        "quoted": f'"{_OUT}"',
        "absolute": str(tmp_path / "outside"),
        "hidden in hex": "ab/../../../../../outside",
        "backslash": "..\\..\\outside",
        "10 kB": "a" * 10_000,
        "65 digits": "a" * 65,
        "empty": '""',
        "a dot": ".",
        "a newline at the end": f'"{SHA256}\u0085"',
        "not ASCII": "é",
    }


@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit"])
@pytest.mark.parametrize("large_files", [True, False])
@pytest.mark.slow
def test_names_that_lead_elsewhere(
    run: Run, tmp_path: Path, header: str, large_files: bool, embedded_model: Path
) -> None:
    """One process tries them all."""
    if header == "X-Linked-Etag" and not large_files:
        pytest.skip("only large files have one")
    code = """
import json, sys
from popscore.models import load_model
from popscore.settings import Settings
found = {}
for name in sys.argv[1:]:
    info = load_model(Settings(model_repo=f"someone/{name}")).info
    found[name] = [info.source, info.notice]
print(json.dumps(found))
"""
    lies = tags(tmp_path)
    with Hub(large_files=large_files) as hub:
        for number, lie in enumerate(lies.values()):
            hub.repository(f"someone/{number}").commit({"model.onnx": MODEL})
            hub.lies[number] = {header: lie}
        before = files_in(tmp_path)
        found = run(*map(str, range(len(lies))), code=code, HF_ENDPOINT=hub.url).json
    harmless = header == "ETag" and large_files  # the tag of the large file counts, not that of its pointer
    for name, (source, notice) in zip(lies, found.values(), strict=True):
        assert source == ("hub" if harmless else "embedded"), name
        assert harmless or ("Check HF_ENDPOINT" in notice and notice.isprintable() and len(notice) < 500), notice
    written = files_in(tmp_path) - before
    assert all(path.startswith("hf/hub/models--someone--") for path in written)
    assert harmless or written == set()


@pytest.mark.parametrize("header", ["X-Linked-Etag", "X-Repo-Commit", "ETag"])
@pytest.mark.parametrize("first", [0, 1])
def test_another_answer_the_second_time(
    run: Run, hub: Hub, repository: Repository, tmp_path: Path, header: str, first: int
) -> None:
    """`hf_hub_download` asks again; what it is told then must not become a name either."""
    hub.lies = {first: {header: _OUT}}
    if first == 0:
        hub.lies[1] = {}
    found = ask(run, hub)
    assert found.status == 0
    assert all(path.startswith("hf/hub/models--someone--popularity/") for path in files_in(tmp_path))
    if first == 1:
        assert found.json["sha256"] == SHA256 and len(hub.seen("HEAD")) == 1


def test_a_tag_with_a_zero_byte(run: Run, hub: Hub, repository: Repository, tmp_path: Path) -> None:
    """No HTTP client takes such a header; nobody waits for ever for a better one."""
    hub.lies = {0: {"X-Linked-Etag": "ab\0cd"}}
    assert_embedded(ask(run, hub, code=changed("download", PATIENCE_S=1.5)), REPO)
    assert files_in(tmp_path) == set()


def test_no_tag_and_no_commit(run: Run, hub: Hub, repository: Repository) -> None:
    """As a page before the network of a hotel answers."""
    for header in ("X-Repo-Commit",):
        hub.lies = {0: {header: ""}}
        assert_embedded(ask(run, hub), "Check HF_ENDPOINT")


def test_another_commit_than_the_one_asked_for(run: Run, hub: Hub, repository: Repository) -> None:
    hub.lies = {0: {"X-Repo-Commit": "0" * 40}}
    found = ask(run, hub, POPSCORE_MODEL_REVISION=repository.refs["main"])
    assert_embedded(found, "which is not the one asked for")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "gopher:x"])
def test_sent_on_to_what_is_no_web_address(run: Run, hub: Hub, repository: Repository, location: str) -> None:
    hub.lies = {0: {"Location": location}}
    assert_embedded(ask(run, hub, code=changed("download", PATIENCE_S=3.0)), REPO)


def test_sent_on_to_another_host(run: Run, hub: Hub, repository: Repository) -> None:
    """As the real Hub does; the token stays here, and the content must be the one that was stated."""
    repository.token = "hf_secret"
    with Hub() as other:
        other.repository("a/b").commit({"model.onnx": MODEL})
        hub.lies = {0: {"Location": f"{other.url}/cdn/{SHA256}"}}
        assert ask(run, hub, HF_TOKEN="hf_secret").json["sha256"] == SHA256
        assert all("authorization" not in request.headers for request in other.requests)


def test_sent_on_to_other_content(run: Run, hub: Hub, repository: Repository) -> None:
    other = tiny(factor=2.0)
    hub.repository("a/b").commit({"model.onnx": other})
    hub.lies = {
        0: {
            "Location": f"{hub.cdn_url}/cdn/{hashlib.sha256(other).hexdigest()}",
            "X-Linked-Size": str(len(other)),
        }
    }
    assert_embedded(ask(run, hub), "damaged", "SHA-256")


def test_sent_round_in_a_circle(run: Run, hub: Hub, repository: Repository) -> None:
    hub.lies = {0: {"Location": f"/{REPO}/resolve/main/model.onnx"}}
    assert_embedded(ask(run, hub), REPO)


def test_paths_stay_in_the_cache() -> None:
    """Even if a name was not checked before."""
    for names in (("../../x", "ab", "f"), (COMMIT, "../x", "f"), (COMMIT, "/x", "f"), (COMMIT, "ab", "../../x")):
        with pytest.raises(ValueError, match="leads out of the cache"):
            Place("a/b", *names)


# --- the cache is huggingface_hub's --------------------------------------------------------------------

_LOOK = """
import json, sys
import huggingface_hub as hub
repo, file, revision = sys.argv[1:]
found = hub.try_to_load_from_cache(repo, file, revision=revision)
local = hub.hf_hub_download(repo, file, revision=revision, local_files_only=True)
scan = hub.scan_cache_dir()
(one,) = scan.repos
print(json.dumps([found, local, sorted(r.commit_hash for r in one.revisions), [str(w) for w in scan.warnings]]))
"""
_PRELOAD = """
import sys
import huggingface_hub as hub
print(hub.hf_hub_download(*sys.argv[1:3]))
"""


@pytest.mark.parametrize("links", ["", "1"])
@pytest.mark.parametrize("file", ["model.onnx", "onnx/fp32/model.onnx"])
@pytest.mark.slow
def test_huggingface_hub_finds_what_was_downloaded(run: Run, hub: Hub, tmp_path: Path, links: str, file: str) -> None:
    commit = hub.repository(REPO).commit({file: MODEL}, ref="v1")
    variables = {"HF_HUB_DISABLE_SYMLINKS": links, "POPSCORE_MODEL_FILE": file, "POPSCORE_MODEL_REVISION": "v1"}
    assert ask(run, hub, **variables).json["revision"] == commit
    for revision in ("v1", commit):
        found, local, commits, warnings = run(REPO, file, revision, code=_LOOK, HF_HUB_OFFLINE="1").json
        assert found == local and Path(found).read_bytes() == MODEL
        assert commits == [commit] and warnings == []
    assert ask(run, hub, HF_HUB_OFFLINE="1", **variables).json["sha256"] == SHA256


@pytest.mark.slow
def test_what_huggingface_hub_downloaded_is_used(run: Run, hub: Hub, repository: Repository) -> None:
    """As `preload_from_hub` of a Space does."""
    run(REPO, "model.onnx", code=_PRELOAD, HF_ENDPOINT=hub.url)
    hub.requests.clear()
    assert ask(run, hub, HF_HUB_OFFLINE="1").json["sha256"] == SHA256
    assert ask(run, hub, POPSCORE_MODEL_REVISION=repository.refs["main"]).json["sha256"] == SHA256
    assert hub.requests == []
    assert ask(run, hub).json["sha256"] == SHA256 and hub.seen("GET") == []


# --- size --------------------------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_not_downloaded(run: Run, hub: Hub, repository: Repository) -> None:
    hub.lies = {0: {"X-Linked-Size": "1500000000"}}
    assert_embedded(ask(run, hub), f"model.onnx of {REPO} was refused: 1500 MB is more than popscore loads (1000 MB)")
    strict = ask(run, hub, POPSCORE_STRICT="1")
    assert (strict.status, strict.out) == (2, "") and "1500 MB is more than popscore loads" in strict.err
    assert hub.seen("GET") == []


@pytest.mark.parametrize("stated", ["", "true"])
def test_a_file_that_turns_out_too_large_is_stopped(run: Run, hub: Hub, tmp_path: Path, stated: str) -> None:
    """The server states a small size, or none; the limit counts what arrives."""
    hub.repository(REPO).commit({"model.onnx": MODEL})
    hub.more_bytes = 3_000_000
    hub.lies = {0: {"X-Linked-Size": str(len(MODEL)) if stated else "none"}}
    found = ask(run, hub, code=changed("transfer", MAX_MODEL_BYTES=1_000_000))
    assert_embedded(found, "sends more than" if stated else "is more than popscore loads")
    assert files_in(tmp_path / "hf") == set()


def test_a_packed_file_is_refused(run: Run, hub: Hub, repository: Repository) -> None:
    """1 MB of it could be 1 GB."""
    hub.compressed = True
    assert_embedded(ask(run, hub), "packed")


# --- time --------------------------------------------------------------------------------------------


@pytest.fixture
def slow(hub: Hub) -> bytes:
    """A file that takes 12 seconds, and never falls silent."""
    content = tiny(metadata={"padding": "x" * 100_000})
    hub.repository(REPO).commit({"model.onnx": content})
    hub.dribble_s, hub.dribble_bytes = 0.1, len(content) // 120
    return content


def test_bytes_that_come_for_too_long(run: Run, hub: Hub, slow: bytes) -> None:
    start_s = time.monotonic()
    assert_embedded(ask(run, hub, code=changed("download", WAIT_S=1.5)), "had not arrived after")
    assert time.monotonic() - start_s < 10


@pytest.mark.slow
def test_the_strict_wait_longer_but_not_for_ever(run: Run, hub: Hub, slow: bytes) -> None:
    found = ask(run, hub, code=changed("download", WAIT_S=0.5, END_S=2.0), POPSCORE_STRICT="1")
    assert (found.status, found.out) == (2, "") and "had not arrived after" in found.err
    patient = ask(run, hub, code=changed("download", WAIT_S=0.5), POPSCORE_STRICT="1")
    assert patient.json["sha256"] == hashlib.sha256(slow).hexdigest()


def test_the_download_goes_on_and_the_app_takes_it(run: Run, hub: Hub, slow: bytes) -> None:
    """And it is one download, however often it is asked for."""
    code = """
import json, time
from popscore.models import load_model, loader
from popscore.models.hub import download
from popscore.settings import Settings
download.WAIT_S, loader.RETRY_AFTER_S = 1.0, 0.5
settings = Settings(model_repo="someone/popularity")
first = load_model(settings).info
until_s = time.monotonic() + 30
while (last := load_model(settings).info).source == "embedded" and time.monotonic() < until_s:
    time.sleep(0.1)
print(json.dumps([first.source, last.source, last.sha256]))
"""
    assert run(code=code, HF_ENDPOINT=hub.url).json == ["embedded", "hub", hashlib.sha256(slow).hexdigest()]
    assert len(hub.seen("GET")) == 1


def test_what_a_process_left_is_gone_on_with(run: Run, hub: Hub, slow: bytes, tmp_path: Path) -> None:
    """A line so slow that no run of the command line waits for the end still gets there."""
    assert_embedded(ask(run, hub, code=changed("download", WAIT_S=2.0)), "had not arrived after")
    (part,) = (tmp_path / "hf").rglob("*.incomplete")
    arrived = part.stat().st_size
    assert 0 < arrived < len(slow)
    hub.dribble_s = 0.0
    found = ask(run, hub, code=changed("cache", _ABANDONED_S=0.0))
    assert found.json["sha256"] == hashlib.sha256(slow).hexdigest()
    assert hub.seen("GET")[-1].headers["range"] == f"bytes={arrived}-"
    assert list((tmp_path / "hf").rglob("*.incomplete")) == []
