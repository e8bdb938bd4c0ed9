"""docs/batch.md keeps its promise: its commands run in their order, its cluster files are what Ray and KubeRay want."""

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import batches
import photos as made
import pytest
import yaml
from commands import ROOT
from pages import DocumentationPage, add_python, execute, type_in

PAGE = DocumentationPage.read("docs", "batch.md")
CLUSTER = ROOT / "docs" / "cluster"
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
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", PAGE.text):
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
    add_python(tmp_path)
    said = [type_in(tmp_path, text, timeout_s=batches.TIMEOUT_S) for text in PAGE.commands()]
    assert len(said) == 5
    assert "written       20" in said[0] and "done before   20" in said[1]
    code = PAGE.snippet("python", "sort_by")
    assert execute(tmp_path, sys.executable, "-c", code).count("photos/") == 3
    assert len((tmp_path / "best.csv").read_text(encoding="utf-8-sig").splitlines()) == 21
    assert len(json.loads(said[4])["results"]) == 6
    rows = batches.rows(tmp_path / "post_scores")
    assert {(row["id"], row["user"]) for row in rows} == set(zip(table["post"], table["user"], strict=True))
    assert json.loads((tmp_path / "post_scores" / "_popscore.json").read_text())["options"]["keep"] == ["user"]
