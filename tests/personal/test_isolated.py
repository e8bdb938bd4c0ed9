"""Personal scores where photos are read in workers, as the app does it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bank_posts import write_posts

import popscore
from popscore.errors import ScoringFailed
from popscore.models import load_model
from popscore.personal.bank import MemoryBank
from popscore.personal.looking import from_plain
from popscore.personal.retrieval import PAPER
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.settings import Settings
from popscore.video import VideoLimits
from popscore.workers import tasks
from popscore.workers.readers import IsolatedScorer, Readers


@pytest.fixture(scope="module")
def isolated() -> Iterator[IsolatedScorer]:
    readers = Readers()
    yield IsolatedScorer(load_model(Settings()), readers, limits=ImageLimits())
    readers.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    bank = MemoryBank.from_posts(write_posts(folder, photos), images=folder / "photos")
    bank.save(folder / "me.bank")
    return folder / "me.bank"


def test_personal_scores_are_the_same(isolated: IsolatedScorer, file: Path, photos: dict[str, Path]) -> None:
    scorer = popscore.load_scorer()
    bank = MemoryBank.open(file, scorer=isolated)
    some = [NamedPhoto(path, name) for name, path in photos.items()]
    own = popscore.rank_images(some, scorer=scorer, bank=bank)
    assert popscore.rank_images(some, scorer=isolated, bank=bank).to_json() == own.to_json()
    thorough = bank.with_retrieval(PAPER)
    assert thorough.scorer(isolated).score(some[2]) == thorough.scorer(scorer).score(some[2])


@pytest.mark.slow
def test_frames_are_judged_in_a_worker_too(isolated: IsolatedScorer, file: Path, clip: Path) -> None:
    task = tasks.VideoTask(clip, "clip.mp4", 60, False, 1, None, VideoLimits(), bank=file)
    ranking, _ = isolated._readers.rank_video(isolated, task, 64)
    assert ranking.results[0].personal is not None
    assert len(ranking.results[0].personal.neighbours) == 4


FINE = np.ones(4, np.float32).tobytes()


@pytest.mark.parametrize(
    "plain",
    [
        (1.0, None, None, None),
        (1.0, FINE[:-1], None, None),
        (1.0, FINE * 2, None, None),
        (1.0, np.full(4, np.nan, np.float32).tobytes(), None, None),
        (1.0, FINE, FINE * 2, None),
        (1.0, FINE, None, FINE),
        ("x", FINE, None, None),
        (1.0,),
        None,
    ],
)
def test_a_worker_that_answers_nonsense_is_an_error_of_the_photo(plain: object) -> None:
    with pytest.raises(ScoringFailed):
        from_plain(plain, 4)  # type: ignore[arg-type]
