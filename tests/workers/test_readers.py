"""What workers read gives the same answers, and what they cannot read is an error of that file."""

import io
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from shots import shake

from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage, UnreadableVideo
from popscore.gallery.ranking import rank_images
from popscore.models import load_model
from popscore.people.shots import shot_json
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.results import FailedPhoto
from popscore.scoring.scorer import Candidate, Scorer
from popscore.settings import Settings
from popscore.video import VideoLimits, rank_video
from popscore.workers import tasks
from popscore.workers.readers import IsolatedScorer, Readers
from popscore.workers.worker import TookTooLong, WorkerEnded
from tests.support import bad_tasks


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    readers = Readers()
    yield readers
    readers.close()


@pytest.fixture(scope="module")
def isolated(readers: Readers) -> IsolatedScorer:
    return IsolatedScorer(load_model(Settings()), readers, limits=ImageLimits())


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(load_model(Settings()))


def photo(path: Path) -> NamedPhoto:
    return NamedPhoto(path, path.name)


def test_scores_are_the_same(isolated: IsolatedScorer, scorer: Scorer, photos: dict[str, Path]) -> None:
    some = [photo(path) for path in photos.values()]
    assert rank_images(some, scorer=isolated).to_json() == rank_images(some, scorer=scorer).to_json()
    assert [isolated.score(one) for one in some] == [scorer.score(one) for one in some]
    assert isolated.candidate(some[0]) == scorer.candidate(some[0])


def test_shots_of_a_moment_are_measured_in_workers(
    isolated: IsolatedScorer, scorer: Scorer, photos: dict[str, Path], tmp_path: Path
) -> None:
    with Image.open(photos["astronaut"]) as image:
        shake(image.convert("RGB"), 6, 0.3).save(tmp_path / "shaken.png")
    shots = [photo(tmp_path / "shaken.png"), photo(photos["astronaut"]), photo(photos["cat"])]
    here, there = (
        rank_images(shots, scorer=one, group_similar=True, people=True).to_json() for one in (scorer, isolated)
    )
    assert there == here
    found = {result["file"]: result for result in there["results"]}
    assert (found["astronaut.png"]["group_reason"], found["astronaut.png"]["faces"]) == ("sharpest of 2", 1)
    assert isolated.look(shots[1], shot_json, 300, False)["faces"] is None
    with pytest.raises(UnreadableImage, match=r"gone\.jpg could not be read"):
        isolated.look(photo(tmp_path / "gone.jpg"), shot_json, None, True)
    with pytest.raises(TypeError, match="no names"):
        isolated.look(shots[1], shot_json, side=300, people=False)


def test_errors_are_the_same(isolated: IsolatedScorer, scorer: Scorer, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff no photo")
    large = tmp_path / "large.png"
    Image.new("1", (60_000, 3_000)).save(large)
    for path, kind in ((bad, UnreadableImage), (large, ImageTooLarge), (tmp_path / "missing.jpg", UnreadableImage)):
        with pytest.raises(kind) as here:
            scorer.score(photo(path))
        with pytest.raises(kind) as there:
            isolated.score(photo(path))
        assert str(here.value) == str(there.value)


@pytest.mark.skipif(sys.platform != "linux", reason="the system keeps no limit of memory")
@pytest.mark.slow
def test_a_photo_that_needs_more_memory_than_a_worker_has_is_an_error_and_the_gallery_goes_on(
    readers: Readers, cat: Path, tmp_path: Path
) -> None:
    generous = ImageLimits(max_pixels=900_000_000, max_decoded_pixels=900_000_000)
    scorer = IsolatedScorer(load_model(Settings()), readers, limits=generous)
    huge = tmp_path / "huge.png"
    Image.new("L", (32_000, 28_000)).save(huge)
    first, second, third = scorer.candidates([photo(cat), photo(huge), photo(cat)])
    assert isinstance(first, Candidate)
    assert isinstance(second, FailedPhoto)
    assert "huge.png" in str(second.error)
    assert first == third


class Broken(Readers):
    """Workers of which each does something bad in the place of what it is asked."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()

        def call(*_: Any, **__: Any) -> Any:
            raise error

        for pool in (self.photos, self.videos, self.frames):
            pool.call = call  # type: ignore[method-assign]


@pytest.mark.parametrize(("error", "words"), [(WorkerEnded, "more memory"), (TookTooLong, "too long")])
def test_a_worker_that_gives_up_is_an_error_of_the_file(error: type[Exception], words: str, cat: Path) -> None:
    readers = Broken(error)
    scorer = IsolatedScorer(load_model(Settings()), readers, limits=ImageLimits())
    with pytest.raises(UnreadableImage, match=f"^chelsea.png could not be read: .*{words}.*Save it again"):
        scorer.score(photo(cat))
    found = list(scorer.candidates([photo(cat)] * 3))
    assert [type(one) for one in found] == [FailedPhoto] * 3
    with pytest.raises(UnreadableVideo, match=words):
        readers.frame(photo(cat), 0, 100, VideoLimits())
    assert readers.preview(photo(cat), 100, ImageLimits()) is None


def test_a_worker_that_died_while_idle_is_not_noticed(isolated: IsolatedScorer, readers: Readers, cat: Path) -> None:
    expected = isolated.score(photo(cat))
    for worker in readers.photos._idle:
        worker._process.kill()
        worker._process.wait()
    assert isolated.score(photo(cat)) == expected


def task_of(clip: Path, out: Path | None = None, **more: Any) -> tasks.VideoTask:
    asked = {"every": 5, "fast": False, "top": 3, **more}
    return tasks.VideoTask(path=clip, name="clip.mp4", out=out, limits=VideoLimits(), **asked)


@pytest.mark.slow
def test_the_best_frames_are_the_same(
    isolated: IsolatedScorer, readers: Readers, scorer: Scorer, clip: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    ranking, previews = readers.rank_video(
        isolated, task_of(clip, tmp_path), 200, on_progress=lambda done, total: told.append((done, total))
    )
    here = rank_video(clip, scorer=scorer, every=5, top=3, name="clip.mp4")
    assert [result.score for result in ranking.results] == [result.score for result in here.results]
    assert list(ranking.points) == list(here.points)
    assert told[-1] == (len(here.points), len(here.points))
    for result, preview in zip(ranking.results, previews, strict=True):
        assert result.image is not None
        assert result.image.is_file()
        assert preview is not None
        with Image.open(io.BytesIO(preview)) as image:
            assert max(image.size) <= 200


def test_a_video_that_nobody_waits_for_is_given_up(isolated: IsolatedScorer, readers: Readers, clip: Path) -> None:
    gone = threading.Event()
    gone.set()
    began = time.monotonic()
    with pytest.raises(UnreadableVideo, match="stopped"):
        readers.rank_video(isolated, task_of(clip, every=1), 0, cancelled=gone.is_set)
    assert time.monotonic() - began < 20


def test_frames_are_shown(readers: Readers, clip: Path, cat: Path) -> None:
    picture = readers.frame(NamedPhoto(clip, "clip.mp4"), 3, 120, VideoLimits())
    assert picture is not None
    with Image.open(io.BytesIO(picture)) as image:
        assert max(image.size) == 120
    assert readers.frame(NamedPhoto(clip, "clip.mp4"), 9_999_999, 120, VideoLimits()) is None
    with pytest.raises(UnreadableVideo, match="is a photo"):
        readers.frame(photo(cat), 0, 120, VideoLimits())


def test_a_fault_of_popscore_is_told_and_costs_one_photo(readers: Readers, cat: Path) -> None:
    with pytest.raises(PopscoreError, match="fault of popscore"):
        from popscore.workers.readers import told

        with told("cat.png", UnreadableImage):
            readers.photos.call(bad_tasks.surprise, (), seconds=20)


@pytest.mark.slow
def test_large_photos_have_workers_of_their_own(
    isolated: IsolatedScorer, readers: Readers, scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("photos", "large"):
        pool = getattr(readers, name)

        def call(*arguments: Any, at_full_speed: Any = pool.call, pool_name: str = name, **options: Any) -> Any:
            asked.append(pool_name)
            return at_full_speed(*arguments, **options)

        monkeypatch.setattr(pool, "call", call)
    large, jpeg = tmp_path / "large.png", tmp_path / "large.jpg"
    Image.linear_gradient("L").resize((7_000, 5_000)).save(large, compress_level=1)
    Image.linear_gradient("L").resize((7_000, 5_000)).save(jpeg)
    assert isolated.score(photo(large)) == scorer.score(photo(large))
    assert asked == ["photos", "large"]
    assert isolated.score(photo(jpeg)) == scorer.score(photo(jpeg))
    assert asked == ["photos", "large", "photos"], "a JPEG is decoded at a reduced size"
    assert readers.preview(photo(large), 100, ImageLimits()) is not None
    assert asked[3:] == ["photos", "large"]
