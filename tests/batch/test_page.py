"""docs/batch.md keeps its promise: its commands run in their order, its cluster files are what Ray and KubeRay want."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import batches
import photos as made
import pytest
import yaml
from commands import ROOT, environment

PAGE = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
CLUSTER = ROOT / "docs" / "cluster"
SNIPPETS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PIN = re.search(r"^ray\[data\]==(\S+)$", (ROOT / "tests/requirements-batch.txt").read_text(), re.MULTILINE)


def loaded(name: str) -> Any:
    return yaml.safe_load((CLUSTER / name).read_text(encoding="utf-8"))


def test_every_option_is_on_the_page() -> None:
    text = (ROOT / "popscore" / "cli" / "batch.py").read_text(encoding="utf-8")
    options = {*re.findall(r'"(--[a-z-]+)"', text), "--json"}
    assert {option for option in options if option not in PAGE} == set()


def test_every_column_is_on_the_page() -> None:
    from popscore.batch import schema

    assert {name for name in (*schema.COLUMNS, *schema.ON_REQUEST) if f"`{name}`" not in PAGE} == set()


def test_every_file_that_the_page_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_the_clusters_have_the_ray_of_the_tests() -> None:
    assert PIN is not None
    assert loaded("rayjob.yaml")["spec"]["rayClusterSpec"]["rayVersion"] == PIN[1]
    assert f"rayproject/ray:{PIN[1]}-py311" in (CLUSTER / "image.Dockerfile").read_text()


def test_the_job_for_kubernetes_has_what_kuberay_asks_for() -> None:
    """Fields of the RayJob definition, ray.io/v1: those it requires, and no name that it does not know."""
    job = loaded("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    assert spec.keys() == {
        "entrypoint",
        "shutdownAfterJobFinishes",
        "ttlSecondsAfterFinished",
        "backoffLimit",
        "rayClusterSpec",
    }
    cluster = spec["rayClusterSpec"]
    assert cluster.keys() == {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    assert cluster["headGroupSpec"].keys() == {"rayStartParams", "template"}
    for group in cluster["workerGroupSpecs"]:
        assert group.keys() == {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        assert {"name", "image", "resources"} <= container.keys()


def test_the_entrypoint_is_a_command_that_popscore_knows() -> None:
    from popscore.cli import entry

    words = loaded("rayjob.yaml")["spec"]["entrypoint"].split()
    assert words[0] == "popscore"
    options = entry._parser().parse_args(words[1:])
    assert (options.address, options.resume) == ("auto", True)


@pytest.mark.batch
def test_the_file_for_ray_up_fits_the_schema_that_ray_brings() -> None:
    pytest.importorskip("ray")
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(loaded("ray-up.yaml"))
    validate_config(config)
    assert PIN is not None and version("ray") == PIN[1]


@pytest.mark.batch
def test_the_commands_run_in_their_order(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("ray")
    from pyarrow import parquet

    (tmp_path / "photos").mkdir()
    for number in range(20):
        made.picture(60 + number, 64).save(tmp_path / "photos" / f"{number}.jpg")
    names = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "photos").iterdir())
    table = {"post": [f"p{n}" for n in range(20)], "user": ["a", "b"] * 10, "image": names}
    parquet.write_table(pa.table(table), tmp_path / "posts.parquet")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)

    def execute(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=batches.TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    begin, again, posts = [text for kind, text in SNIPPETS if kind == "bash"]
    (code,) = [text for kind, text in SNIPPETS if kind == "python"]
    assert "written       20" in execute("sh", "-e", "-c", begin)
    assert execute(str(python), "-c", code).count("photos/") == 3
    assert "done before   20" in execute("sh", "-e", "-c", again)
    execute("sh", "-e", "-c", posts)
    rows = batches.rows(tmp_path / "post_scores")
    assert {(row["id"], row["user"]) for row in rows} == set(zip(table["post"], table["user"], strict=True))
    assert json.loads((tmp_path / "post_scores" / "_popscore.json").read_text())["options"]["keep"] == ["user"]
