"""The best of a batch: order, ties, folding, lists of groups, and destinations that are not as they must be."""

import csv
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import ROOT, Run, environment
from destinations import SHA, Line, write
from PIL import Image
from running_app import free_port

import popscore
from popscore.errors import InvalidSetting, NothingToRank
from popscore.gallery.ranking import rank
from popscore.models.spec import ModelInfo, ModelSpec
from popscore.photos import similarity
from popscore.results import scored_photo
from popscore.scoring.scorer import Candidate

pa = pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")
pytestmark = pytest.mark.batch

from pyarrow import parquet  # noqa: E402

from popscore.batch import finished, schema, top  # noqa: E402
from popscore.batch.needs import BatchMissing, BatchRefused, StoreFailed  # noqa: E402

SPEC = ModelSpec(name="tiny", kind="appeal", input_size=(8, 8), noise=0.25, reference_mean=3, reference_std=1.5)


@pytest.fixture(scope="module")
def looks(photos: dict[str, Path]) -> list[bytes]:
    """Signatures of parts of photographs; of 200 pictures, 80 are another one, cut a little."""
    chance = np.random.default_rng(7)
    found: list[tuple[Image.Image, tuple[int, int, int, int]]] = []
    pictures = [Image.open(path).convert("RGB") for path in photos.values()]
    for number in range(200):
        if number % 5 < 2 and found:
            picture, (left, upper, right, lower) = found[int(chance.integers(len(found)))]
            box = (left + 2, upper + 1, right - 1, lower - 2)
        else:
            picture = pictures[number % 4]
            width, height = (int(side * chance.uniform(0.2, 0.6)) for side in picture.size)
            left, upper = int(chance.integers(picture.width - width)), int(chance.integers(picture.height - height))
            box = (left, upper, left + width, upper + height)
        found.append((picture, box))
    return [similarity.signature(picture.crop(box)) for picture, box in found]


@pytest.fixture(scope="module")
def lines(looks: list[bytes]) -> list[Line]:
    """200 rows of 7 users, many with equal scores."""
    chance = np.random.default_rng(3)
    return [
        Line(f"{number:03}.jpg", round(float(chance.normal(3, 1)), 1), f"user {chance.integers(7)}", look)
        for number, look in enumerate(looks)
    ]


def expected(lines: list[Line], k: int, *, fold: bool) -> list[dict[str, Any]]:
    """What `popscore rank` says about the same photos."""
    info = ModelInfo(spec=SPEC, source="file", sha256=SHA)
    candidates = [
        Candidate(scored_photo(line.id, line.score or 0.0, (400, 300), SPEC), line.signature or b"", None)
        for line in sorted(lines, key=lambda line: line.id)
    ]
    results = rank(candidates, info, top=k, group_similar=fold).results
    keys = ("rank", "score", "percentile", "label", "color", "width", "height", "gap", "tier")
    return [{"id": row.file, **{key: row.to_json()[key] for key in keys}} for row in results]


def shown(results: list[Any]) -> list[dict[str, Any]]:
    """Results without what `popscore rank` does not say."""
    return [{k: v for k, v in row.to_json().items() if k not in ("of", "near_duplicates")} for row in results]


# --- one list -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 7, 60, 500])
@pytest.mark.parametrize("fold", [True, False])
def test_the_same_order_as_rank_gives(tmp_path: Path, lines: list[Line], k: int, fold: bool) -> None:
    # `rank` lets the picture decide which of two equal scores leads a group; a batch goes by the id.
    distinct = [Line(line.id, (line.score or 0) + place * 1e-3, line.user, line.signature) for place, line in
                enumerate(lines)] if fold else lines  # fmt: skip
    found = popscore.batch_top(str(write(tmp_path / "d", distinct)), k=k, fold=fold)
    assert shown(list(found.results)) == expected(distinct, k, fold=fold)
    assert (found.rows, found.failed, found.lists, found.folded) == (200, 0, 1, fold)


def test_equal_scores_share_a_rank_and_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    lines = [Line(name, score) for name, score in (("d", 1.0), ("b", 2.0), ("a", 2.0), ("c", 3.0), ("e", 1.0))]
    found = popscore.batch_top(str(write(tmp_path / "d", lines)), k=4, fold=False).results
    assert [(row.id, row.rank, row.gap) for row in found] == [
        ("c", 1, 1.0), ("a", 2, 0.0), ("b", 2, 1.0), ("d", 4, None)
    ]  # fmt: skip


def test_a_list_goes_on_until_it_is_full(tmp_path: Path, looks: list[bytes]) -> None:
    """300 copies of one picture stand before all others: the first window of 64 rows holds one picture."""
    copies = [Line(f"copy {number:03}", 9 - number / 1000, "ann", looks[2]) for number in range(300)]
    others = [Line(f"other {number}", 5 - number, "ann", looks[number]) for number in (3, 4)]
    folder = str(write(tmp_path / "d", copies + others))
    for per in (None, "user"):
        found = popscore.batch_top(folder, k=3, per=per).results
        assert [(row.id, row.rank, row.near_duplicates) for row in found] == [
            ("copy 000", 1, 299), ("other 3", 301, 0), ("other 4", 302, 0)
        ]  # fmt: skip


def test_the_size_of_the_parts_changes_nothing(tmp_path: Path, lines: list[Line], monkeypatch: Any) -> None:
    folder = str(write(tmp_path / "d", lines, files=5))
    for per in (None, "user"):
        whole = popscore.batch_top(folder, k=40, per=per)
        with monkeypatch.context() as patch:
            patch.setattr("popscore.batch.top_rows.TAKEN", 3)
            patch.setattr(top, "TAKEN", 3)
            patch.setattr(top, "_ROWS", 4)
            patch.setattr(top, "_SMALL", 5)
            patch.setattr(top, "_LEAST_WINDOW", 2)
            assert popscore.batch_top(folder, k=40, per=per) == whole


def test_rows_without_a_score_are_counted(tmp_path: Path) -> None:
    odd = [Line("a", None), Line("b", math.nan), Line("c", math.inf), Line("d", -math.inf), Line("e", 1.0)]
    found = popscore.batch_top(str(write(tmp_path / "d", odd)))
    assert [row.id for row in found.results] == ["e"] and (found.rows, found.failed) == (5, 4)
    with pytest.raises(NothingToRank, match=r"no row of .* has a score"):
        popscore.batch_top(str(write(tmp_path / "n", odd[:4])))


def test_signatures_that_are_none_are_near_duplicates_of_none(tmp_path: Path, looks: list[bytes]) -> None:
    odd = [Line("a", 3.0, "u", looks[2]), Line("b", 2.0, "u", looks[2][:20]), Line("c", 1.0, "u", None)]
    odd += [Line("d", 0.5, "u", looks[2][:20]), Line("e", 0.4, "u", looks[2])]
    for per in (None, "user"):
        found = popscore.batch_top(str(write(tmp_path / "d", odd)), per=per).results
        assert [(row.id, row.near_duplicates) for row in found] == [("a", 1), ("b", 0), ("c", 0), ("d", 0)]


def test_without_signatures_nothing_is_folded(tmp_path: Path) -> None:
    folder = str(write(tmp_path / "d", [Line("a", 3.0)], **{schema.SIGNATURE: None}))
    assert not popscore.batch_top(folder).folded
    with pytest.raises(BatchRefused, match="no column signature"):
        popscore.batch_top(folder, fold=True)


# --- a list for each group ------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 100])
@pytest.mark.parametrize("fold", [True, False])
def test_lists_of_groups(tmp_path: Path, lines: list[Line], k: int, fold: bool) -> None:
    folder = str(write(tmp_path / "d", [*lines, Line("nobody's", 9.0, None)]))
    found = popscore.batch_top(folder, k=k, per="user", fold=fold)
    users = sorted({line.user for line in lines})
    assert list(dict.fromkeys(row.of for row in found.results)) == users and found.lists == len(users)
    assert (found.without_group, found.rows) == (1, 201)
    for user in users:
        own = str(write(tmp_path / user, [line for line in lines if line.user == user]))
        alone = popscore.batch_top(own, k=k, fold=fold).results
        assert shown([row for row in found.results if row.of == user]) == shown(list(alone))


@pytest.mark.parametrize(
    ("values", "given"),
    [
        ([1, 2, 1], [1, 2]),
        ([True, False, True], [False, True]),
        ([1.5, math.nan, 1.5], ["1.5", "nan"]),
        (["", "x", ""], ["", "x"]),
    ],
)
def test_groups_of_other_kinds(tmp_path: Path, values: list[Any], given: list[Any], looks: list[bytes]) -> None:
    lines = [Line(str(number), 5.0 - number, value, looks[2]) for number, value in enumerate(values)]
    lines += [Line(f"more {number}", 0.0, lines[0].user, looks[2]) for number in range(20)]
    lines += [Line("last", -1.0, lines[0].user, looks[4])]
    found = popscore.batch_top(str(write(tmp_path / "d", lines)), k=2, per="user")
    assert sorted(dict.fromkeys(row.of for row in found.results)) == given
    assert "last" in [row.id for row in found.results]  # two rounds on


HOSTILE = ['user"; DROP TABLE sizes; --', "user) FROM found; SELECT (1", "g", "n", "c1", "a b\nc", "ünïcode", "%s"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_column_is_taken_for_anything_else(tmp_path: Path, name: str, lines: list[Line]) -> None:
    users = [line.user for line in lines]
    folder = str(write(tmp_path / "d", lines, **{name: users}))
    found = popscore.batch_top(folder, k=2, per=name)
    assert shown(list(found.results)) == shown(list(popscore.batch_top(folder, k=2, per="user").results))


@pytest.mark.parametrize("name", ["name", "User", "user'--", "*", "", "\0"])
def test_unknown_columns_name_those_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(BatchRefused, match=r"There are: id, score, .*, user"):
        popscore.batch_top(str(write(tmp_path / "d", [Line("a", 1.0)])), per=name)


def test_columns_that_name_nobody(tmp_path: Path) -> None:
    folder = str(write(tmp_path / "d", [Line("a", 1.0)], files=1, tags=[["x"]], USER=["y"]))
    with pytest.raises(BatchRefused, match="names nobody"):
        popscore.batch_top(folder, per="tags")
    with pytest.raises(BatchRefused, match="differ in case"):
        popscore.batch_top(folder, per="user")
    with pytest.raises(BatchRefused, match="names nobody"):
        popscore.batch_top(folder, per="signature")


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, -1, 10**9])
def test_numbers_that_are_refused(tmp_path: Path, k: int) -> None:
    with pytest.raises(InvalidSetting, match="whole number from 1"):
        popscore.batch_top(str(tmp_path), k=k)


def test_too_many_results(tmp_path: Path, lines: list[Line], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(write(tmp_path / "d", lines))
    with pytest.raises(InvalidSetting, match="20000 at most"):
        popscore.batch_top(folder, k=20_001)
    assert len(popscore.batch_top(folder, k=1_000_000, fold=False).results) == 200
    assert len(popscore.batch_top(folder, k=1_000_000, per="user", fold=False).results) == 200
    monkeypatch.setattr(top, "MAX_RESULTS", 50)
    with pytest.raises(InvalidSetting, match="best 9 of 7 values of user are"):
        popscore.batch_top(folder, k=9, per="user")


def test_several_models(tmp_path: Path) -> None:
    two = write(tmp_path / "two", [Line("a", 1.0), Line("b", 2.0, sha256="ab" * 32)])
    with pytest.raises(BatchRefused, match="several models, abababababab and d7d7d7d7d7d7"):
        popscore.batch_top(str(two))
    other = write(tmp_path / "other", [Line("a", 1.0, sha256="ab" * 32)], files=1)
    with pytest.raises(BatchRefused, match="several models"):
        popscore.batch_top(str(other))


def test_places_without_results(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "no such folder", tmp_path / "file"):
        with pytest.raises(BatchRefused, match="There is no folder"):
            popscore.batch_top(str(place))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "_part.parquet").write_text("x")
    with pytest.raises(BatchRefused, match="holds no Parquet files"):
        popscore.batch_top(str(tmp_path / "folder"))


def test_parquet_of_somebody_else(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"id": ["a"], "likes": [3]}), tmp_path / "posts.parquet")
    with pytest.raises(BatchRefused, match=r"posts.parquet .* no column score, .*There are: id, likes"):
        popscore.batch_top(str(tmp_path))
    words = write(tmp_path / "words", [Line("a", 1.0)], files=1, score=["high"])
    with pytest.raises(BatchRefused, match="no numbers, but string"):
        popscore.batch_top(str(words))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
def test_damaged_files_are_named(tmp_path: Path, lines: list[Line], which: int, damage: str) -> None:
    folder = write(tmp_path / "d", lines)
    file = folder / f"part-{which}.parquet"
    content = bytearray(file.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "empty":
        content.clear()
    else:  # where the data are; the end of the file still tells what was there
        content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    file.write_bytes(content)
    with pytest.raises(BatchRefused, match=rf"part-{which}.parquet in .* cannot be read: it is damaged"):
        popscore.batch_top(str(folder))


def test_a_file_with_other_columns_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", [Line("a", 1.0), Line("b", 2.0)])
    table = parquet.read_table(folder / "part-1.parquet")
    parquet.write_table(table.drop_columns(["user"]), folder / "part-1.parquet")
    with pytest.raises(BatchRefused, match=r"part-1.parquet .* other columns .*: user is missing there, string before"):
        popscore.batch_top(str(folder), per="user")


def test_without_the_small_file(tmp_path: Path) -> None:
    found = popscore.batch_top(str(write(tmp_path / "d", [Line("a", 1.0)], files=1, meta=False)))
    assert (found.model["name"], found.model["sha256"], found.results[0].tier) == (None, SHA, None)
    assert "has no _popscore.json" in found.model["notice"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 500_000, "damaged"),
        (b"[1]", "damaged"),
        (b'{"schema_version": 1, "model": 3}', "damaged"),
        (b'{"schema_version": 2, "model": {}}', "newer popscore"),
        (b'{"schema_version": "1", "model": {}}', "newer popscore"),
    ],
)
def test_a_small_file_that_is_hostile(tmp_path: Path, content: bytes, words: str) -> None:
    folder = write(tmp_path / "d", [Line("a", 1.0)], files=1)
    (folder / schema.META_FILE).write_bytes(content)
    with pytest.raises(BatchRefused, match=words):
        popscore.batch_top(str(folder))


def test_a_small_file_with_odd_values(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", [Line("a", 1.0)], files=1)
    for noise in ('"x"', "NaN", "-1", "1e999", "null"):
        text = f'{{"schema_version": 1, "model": {{"name": ["x"], "kind": {{}}, "noise": {noise}}}}}'
        (folder / schema.META_FILE).write_text(text)
        found = popscore.batch_top(str(folder))
        assert (found.model["name"], found.model["kind"], found.results[0].tier) == (None, None, None)


def test_names_that_look_like_patterns(tmp_path: Path) -> None:
    """DuckDB would look for other files, and take a part of the path for a column."""
    for name in ("a[bc]*?", "user=3", "it's", 'quo"te', "ü {1,2} %20", "-x"):
        folder = write(tmp_path / name, [Line("a", 1.0), Line("b", 2.0)])
        (tmp_path / "abx").mkdir(exist_ok=True)
        found = popscore.batch_top(str(folder), per="user")
        assert [(row.of, row.id) for row in found.results] == [("ann", "b"), ("ann", "a")]


def test_without_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished, "find_spec", lambda _: None)
    with pytest.raises(BatchMissing, match=r'pip install "popscore\[batch\]"'):
        popscore.batch_top(str(tmp_path))


# --- the command ----------------------------------------------------------------------------------------


def test_json(run: Run, tmp_path: Path, lines: list[Line]) -> None:
    found = run("batch-top", write(tmp_path / "d", lines), "--k", "5", "--per", "user", "--json")
    assert (found.status, found.err) == (0, "")
    assert list(found.json) == [
        "model", "results", "errors", "per", "rows", "failed", "without_group", "lists", "near_duplicates_folded"
    ]  # fmt: skip
    assert list(found.json["results"][0]) == [
        "of", "id", "rank", "score", "percentile", "label", "color", "width", "height", "gap", "tier",
        "near_duplicates",
    ]  # fmt: skip
    assert list(found.json["model"]) == ["name", "kind", "source", "revision", "sha256", "notice"]
    assert found.json["errors"] == [] and found.json["lists"] == 7


def test_csv_and_words(run: Run, tmp_path: Path, looks: list[bytes]) -> None:
    lines = [Line("=1+1", 3.0, "-ann", looks[2]), Line("b", 2.0, "-ann", looks[2]), Line("c", None, "bob")]
    folder, table = write(tmp_path / "d", lines), tmp_path / "best.csv"
    found = run("batch-top", folder, "--per", "user", "--csv", table)
    assert (found.status, found.out) == (0, "") and "1 rows have no score" in found.err
    head, row = csv.reader(table.read_text(encoding="utf-8").splitlines())
    assert (head[:3], row[:3], row[-1]) == (["user", "rank", "id"], ["'-ann", "1", "'=1+1"], "1")
    found = run("batch-top", folder, "--per", "user")
    assert found.out == "user -ann\n       1    3.00  Good       tier 1    =1+1  (and 1 like it)\n"
    assert "Near-duplicates were not folded" in run("batch-top", folder, "--no-fold").err


def test_wrong_commands(run: Run, tmp_path: Path) -> None:
    folder = write(tmp_path / "d", [Line("a", 1.0)])
    wrong = (
        ["--k", "0"],
        ["--k", "1000000000"],
        ["--k", "x"],
        ["--per", "no"],
        ["--csv", tmp_path],
        ["--fold", "--no-fold"],
    )
    for options in wrong:
        found = run("batch-top", folder, *options)
        assert (found.status, found.out) == (2, ""), options
    found = run("batch-top", tmp_path / "no")
    assert (found.status, found.err.count("\n")) == (2, 1) and "There is no folder" in found.err


# --- a store --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3-compatible store on this machine."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("moto.server")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        cwd=ROOT,
        env=environment(tmp_path_factory.mktemp("home")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        client = boto3.client(
            "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                client.create_bucket(Bucket="shop")
                break
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001  botocore's, which have no other common class
                assert time.monotonic() < deadline, error
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def test_a_store(store: str, tmp_path: Path, lines: list[Line], monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    for name, value in {"AWS_ENDPOINT_URL": store, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    folder = write(tmp_path / "d", lines)
    for file in folder.iterdir():
        client.upload_file(str(file), "shop", f"results/{file.name}")
    for per in (None, "user"):
        assert popscore.batch_top("s3://shop/results", k=9, per=per) == popscore.batch_top(str(folder), k=9, per=per)
    with pytest.raises(BatchRefused, match="holds no Parquet files"):
        popscore.batch_top("s3://shop/nothing")
    with pytest.raises(StoreFailed, match="no bucket"):
        popscore.batch_top("s3://no-such-bucket/results")
    client.put_object(Bucket="shop", Key="results/part-1.parquet", Body=b"PAR1")
    with pytest.raises(BatchRefused, match=r"part-1.parquet in s3://shop/results cannot be read"):
        popscore.batch_top("s3://shop/results")
