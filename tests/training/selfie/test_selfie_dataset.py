"""The lines of the UCF Selfie format, good and bad ones; pictures that are there or not. Needs no torch."""

from pathlib import Path

import numpy as np
import pytest

from popscore.errors import ExportFailed
from popscore.training.run_folder import CONFIG, RunRefused
from popscore.training.selfie.dataset import ATTRIBUTES, DatasetRefused, files_of, popular, read_dataset
from popscore.training.selfie.recipe import Recipe, claim

LINE = "1_abc 4.25 " + " ".join(["-1", "1", "0"] * 12)


def written(folder: Path, *lines: str) -> Path:
    path = folder / "selfie_dataset.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_line_as_it_is_published(tmp_path: Path) -> None:
    found = read_dataset(written(tmp_path, LINE, "", "2_abc 5 " + " ".join(["1"] * 36) + " \r"))
    first, second = found.selfies
    assert (first.name, first.score, first.attributes) == ("1_abc", 4.25, (-1, 1, 0) * 12)
    assert (second.name, second.score, second.attributes) == ("2_abc", 5.0, (1,) * 36)
    assert len(found.sha256) == 64
    assert (len(ATTRIBUTES), len(set(ATTRIBUTES))) == (36, 36)
    assert ATTRIBUTES[1] == "is_female"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2_abc 4.5 1 1 1", "line 3 is too short: 5 values instead of 38"),
        ("2_abc", "line 3 is too short"),
        (LINE.replace("1_", "2_") + " 1", "line 3 is too long: 39 values"),
        (LINE.replace("1_", "2_", 1).replace("-1", "2", 1), "line 3: the attribute partial_faces is '2'"),
        ("2_abc 4.5 " + " ".join(["1"] * 35 + ["x"]), "line 3: the attribute dim_lighting is 'x'"),
        (LINE.replace("1_", "2_", 1).replace("4.25", "nan"), "line 3: the popularity score 'nan'"),
        (LINE.replace("1_", "2_", 1).replace("4.25", "4,25"), "line 3: the popularity score '4,25'"),
        (LINE.replace("1_abc", "../../etc/passwd"), "line 3: .* is no file name"),
        (LINE.replace("1_abc", ".."), "line 3: '..' is no file name"),
        (LINE, "line 3: 1_abc is in line 1 already"),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(DatasetRefused, match=said) as found:
        read_dataset(written(tmp_path, LINE, "", line))
    assert len(str(found.value)) < 300


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe\x00\x01", b"\x00" * 100])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(content)
    with pytest.raises(DatasetRefused, match=r"other\.bin"):
        read_dataset(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path, Path("a\0b")):
        with pytest.raises(DatasetRefused):
            read_dataset(path)


def test_pictures_with_and_without_an_ending_and_missing_ones(tmp_path: Path) -> None:
    lines = [LINE.replace("1_abc", name) for name in ("a", "b.png", "c")]
    dataset = read_dataset(written(tmp_path, *lines))
    images = tmp_path / "images"
    images.mkdir()
    with pytest.raises(DatasetRefused, match="None of the 3 pictures"):
        files_of(dataset, images)
    (images / "a.jpg").touch()
    (images / "b.png").touch()
    assert files_of(dataset, images) == [images / "a.jpg", images / "b.png", None]
    with pytest.raises(DatasetRefused, match="cannot be listed"):
        files_of(dataset, tmp_path / "nowhere")


def test_popular_from_a_score_or_the_better_half() -> None:
    scores = np.array([1.0, 2.0, 4.5, 5.0, 6.0, 7.0])
    labels, threshold = popular(scores, 4.5)
    assert (labels.tolist(), threshold) == ([False, False, True, True, True, True], 4.5)
    labels, threshold = popular(scores, None)
    assert (labels.sum(), threshold) == (3, 4.75)
    for everyone in (0.0, 9.0):
        with pytest.raises(DatasetRefused, match="--popular half"):
            popular(scores, everyone)


# --- the folder of a run ----------------------------------------------------------------------------


def claimed(run: Path, recipe: Recipe | None = None, *, dataset: str = "a") -> None:
    claim(run, recipe or Recipe(), dataset_sha256=dataset, backbone_sha256="b")


def test_a_run_goes_on_in_its_own_folder_only(tmp_path: Path) -> None:
    run = tmp_path / "new" / "run"
    claimed(run)
    claimed(run)
    (run / ".popscore-12.tmp").touch()  # of a run that was killed while it wrote
    claimed(run)
    assert [path.name for path in run.iterdir()] == [CONFIG]
    with pytest.raises(RunRefused, match="another configuration: seed is 0 there and 1 here"):
        claimed(run, Recipe(seed=1))
    with pytest.raises(RunRefused, match="dataset_sha256"):
        claimed(run, dataset="c")
    (run / CONFIG).write_text("[]")
    with pytest.raises(RunRefused, match="another configuration"):
        claimed(run)
    (run / CONFIG).write_text("{")
    with pytest.raises(RunRefused, match="cannot be read"):
        claimed(run)


def test_a_folder_with_other_files_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(RunRefused, match=r"holds other files, such as holiday\.jpg"):
        claimed(tmp_path)
    with pytest.raises(ExportFailed):
        claimed(tmp_path / "holiday.jpg")
