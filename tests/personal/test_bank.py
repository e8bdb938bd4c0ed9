"""A person's memory bank: made, saved, opened, asked; and what it makes of odd posts."""

import io
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from bank_posts import ROWS, write_export, write_posts
from photos import picture, saved
from PIL import Image

import popscore
from popscore.errors import BankRefused, ExportFailed, InvalidSetting
from popscore.personal.bank import MemoryBank, add_to_file
from popscore.personal.learning import NOISE_FACTOR
from popscore.personal.retrieval import PAPER
from popscore.personal.source import Source


@pytest.fixture(scope="module")
def scorer() -> popscore.Scorer:
    return popscore.load_scorer()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    write_posts(folder, photos)
    return folder


@pytest.fixture(scope="module")
def bank(folder: Path, scorer: popscore.Scorer) -> MemoryBank:
    return MemoryBank.from_posts(folder / "posts.csv", images=folder / "photos", scorer=scorer)


def test_it_knows_the_posts(bank: MemoryBank) -> None:
    assert len(bank) == 4
    assert bank.added is not None
    assert (bank.added.added, bank.added.errors) == (4, [])
    assert bank.stored.ids == ["p1", "p2", "p3", "p4"]
    assert bank.stored.likes.tolist() == [100, 50, 220, 70]


def test_it_is_named_by_the_package() -> None:
    assert popscore.MemoryBank is MemoryBank


def test_a_bank_that_was_saved_says_the_same(
    bank: MemoryBank, tmp_path: Path, scorer: popscore.Scorer, cat: Path
) -> None:
    bank.save(tmp_path / "me.bank")
    again = MemoryBank.open(tmp_path / "me.bank", scorer=scorer)
    assert again.scorer(scorer).score(cat) == bank.scorer(scorer).score(cat)
    assert (tmp_path / "me.bank").stat().st_mode & 0o777 == 0o600
    again.save(tmp_path / "copy.bank")
    assert (tmp_path / "copy.bank").read_bytes() == (tmp_path / "me.bank").read_bytes()
    assert (tmp_path / "me.bank").stat().st_size < 4 * 12_000 + 40_000


def test_neither_originals_nor_paths_are_in_it(bank: MemoryBank, photos: dict[str, Path]) -> None:
    content = bank.to_bytes()
    assert b".png" not in content
    assert b"photos" not in content
    assert b"coffee time" not in content
    assert photos["rocket"].read_bytes()[1000:1100] not in content


def test_the_score_is_on_the_same_scale_and_the_rest_goes_by_it(
    bank: MemoryBank, scorer: popscore.Scorer, photos: dict[str, Path]
) -> None:
    plain = popscore.rank_images(list(photos.values()), scorer=scorer)
    mine = popscore.rank_images(list(photos.values()), scorer=scorer, bank=bank)
    assert mine.noise == pytest.approx(NOISE_FACTOR * plain.noise)
    before = popscore.rank_images(list(photos.values()), scorer=scorer, bank=bank.at(datetime(2023, 1, 1, tzinfo=UTC)))
    assert before.noise == plain.noise
    assert [photo.file for photo in before.results] == [photo.file for photo in plain.results]
    general = {photo.file: photo.score for photo in plain.results}
    assert {photo.file: photo.score for photo in mine.results} == general
    personal = [photo.personal_score for photo in mine.results]
    assert personal == sorted(personal, reverse=True)
    for photo in mine.results:
        assert photo.personal is not None
        assert photo.label == popscore.scale.band(photo.personal.score).label
        assert 0 <= photo.personal.support <= 1
        assert 1 / 8 <= photo.personal.expected_ratio <= 8
        assert len(photo.personal.neighbours) == 4
        best = photo.personal.neighbours[0]
        assert best.psi == pytest.approx(1, abs=0.01)  # the photo is itself one of the posts
        document = photo.to_json()
        assert {"personal_score", "expected_ratio", "support", "neighbours"} <= set(document)
        assert document["neighbours"][0] == {
            "id": best.id,
            "psi": round(best.psi, 4),
            "local_score": round(best.local_score, 4),
        }
    assert "personal_score" not in plain.results[0].to_json()


def test_only_the_past_counts(bank: MemoryBank, scorer: popscore.Scorer, cat: Path) -> None:
    before = bank.at(datetime(2023, 1, 1, tzinfo=UTC)).scorer(scorer).score(cat)
    assert before.personal is not None
    assert before.personal.score == before.score
    assert (before.personal.support, before.personal.expected_ratio, before.personal.neighbours) == (0, 1, ())
    some = bank.at(datetime(2024, 1, 9, 10)).scorer(scorer).score(cat)  # the very moment of p3
    assert some.personal is not None
    assert {neighbour.id for neighbour in some.personal.neighbours} == {"p1", "p2"}
    # nor do later posts make the local scores of those before
    assert {n.id: n.local_score for n in some.personal.neighbours} == {"p1": 2.0, "p2": 0.5}


def test_compare_crops_and_score_go_by_it_too(
    bank: MemoryBank, scorer: popscore.Scorer, photos: dict[str, Path]
) -> None:
    found = popscore.compare_images(photos["cat"], photos["coffee"], scorer=scorer, bank=bank)
    a, b = found.results
    assert a.personal_score is not None
    assert b.personal_score is not None
    win_scale = scorer.model.spec.win_scale
    chance = popscore.win_probability(a.personal_score, b.personal_score, win_scale=win_scale)
    assert found.win_probability == pytest.approx(chance)
    crops = popscore.best_crops(photos["rocket"], aspects=["1:1", "free"], scorer=scorer, bank=bank)
    plain = popscore.best_crops(photos["rocket"], aspects=["1:1", "free"], scorer=scorer)
    for crop, other in zip(crops.results, plain.results, strict=True):
        assert (crop.box, crop.score, crop.score_before) == (other.box, other.score, other.score_before)
        assert crop.personal is not None
        assert crop.personal_before is not None
        assert crop.gain == pytest.approx(crop.personal.score - crop.personal_before)
        assert "personal_score_before" in crop.to_json()


def test_frames_go_by_it_too(bank: MemoryBank, scorer: popscore.Scorer, clip: Path) -> None:
    found = popscore.rank_video(clip, scorer=scorer, every=40, top=2, bank=bank)
    personal = [frame.personal_score for frame in found.results]
    assert None not in personal
    assert personal == sorted(personal, key=lambda score: -(score or 0))
    scores = {point.frame_index: point.score for point in found.points}
    assert all(scores[frame.frame_index] == frame.personal_score for frame in found.results)


def test_pose_and_background_can_be_asked_for(
    bank: MemoryBank, scorer: popscore.Scorer, photos: dict[str, Path]
) -> None:
    person = bank.with_retrieval(PAPER).scorer(scorer).score(photos["astronaut"])
    assert person.personal is not None
    assert person.personal.neighbours[0].id == "p3"
    assert person.personal.neighbours[0].psi == pytest.approx(1, abs=0.02)
    nobody = bank.with_retrieval(PAPER).scorer(scorer).score(photos["coffee"])
    assert nobody.personal is not None
    # Taken literally, nobody's pose is 0.
    assert nobody.personal.neighbours[0].psi == pytest.approx(2 / 3, abs=0.02)


def test_a_bank_without_people_says_what_it_lacks(folder: Path, scorer: popscore.Scorer) -> None:
    bank = MemoryBank.from_posts(folder / "posts.csv", images=folder / "photos", scorer=scorer, people=False)
    with pytest.raises(BankRefused, match="--no-people"):
        bank.with_retrieval(PAPER).scorer(scorer)


def test_an_export_is_a_bank(tmp_path: Path, photos: dict[str, Path], scorer: popscore.Scorer) -> None:
    path = write_export(tmp_path / "me.zip", photos, likes={1704103200: "10", 1704448801: "30", 1704620000: "20"})
    bank = MemoryBank.from_posts(path, scorer=scorer)
    assert bank.stored.ids == ["1_n", "2_n", "5_n"]
    assert bank.stored.likes.tolist() == [10, 30, 20]
    assert bank.stored.captions[:2].any(axis=1).all()


def test_a_table_without_a_folder_is_a_sentence(folder: Path, scorer: popscore.Scorer) -> None:
    with pytest.raises(InvalidSetting, match="--images DIR"):
        MemoryBank.from_posts(folder / "posts.csv", scorer=scorer)


# --- odd posts --------------------------------------------------------------------------------------


def test_odd_posts(tmp_path: Path, photos: dict[str, Path], scorer: popscore.Scorer) -> None:
    rows = [
        *ROWS,
        ("future", "cat.png", "2098-01-01", "900", ""),
        ("same", "cat.png", "2024-01-01T10:00:00Z", "0", ""),
        ("hidden", "coffee.png", "2024-01-06", "-1", ""),
        ("missing", "nowhere.jpg", "2024-01-06", "5", ""),
        ("broken", "broken.jpg", "2024-01-06", "5", ""),
        ("strip", "strip.png", "2024-01-07", "5", ""),
        ("tiny", "tiny.png", "2024-01-08", "5", ""),
    ]
    table = write_posts(tmp_path, photos, rows)
    (tmp_path / "photos" / "broken.jpg").write_bytes(photos["rocket"].read_bytes()[:500])
    (tmp_path / "photos" / "strip.png").write_bytes(saved(picture(1, 5000), "PNG"))
    (tmp_path / "photos" / "tiny.png").write_bytes(saved(picture(3, 2), "PNG"))
    bank = MemoryBank.from_posts(table, images=tmp_path / "photos", scorer=scorer)
    assert bank.added is not None
    assert {error.file for error in bank.added.errors} == {"nowhere.jpg", "broken.jpg"}
    assert bank.added.hidden == 1
    assert "1 posts lie in the future. They do not count before their time." in bank.added.remarks
    assert "The likes of 1 posts are hidden or missing: nothing is learnt from them." in bank.added.remarks
    assert any("same picture is there under 3 ids: p1, future, same" in remark for remark in bank.added.remarks)
    scored = bank.scorer(scorer).score(photos["cat"])
    assert scored.personal is not None
    assert np.isfinite(scored.personal.score)
    assert "future" not in {n.id for n in scored.personal.neighbours}
    assert "hidden" not in {n.id for n in scored.personal.neighbours}
    assert {"p1", "same"} <= {n.id for n in scored.personal.neighbours}


def test_one_post_alone_says_nothing(tmp_path: Path, photos: dict[str, Path], scorer: popscore.Scorer) -> None:
    bank = MemoryBank.from_posts(write_posts(tmp_path, photos, ROWS[:1]), images=tmp_path / "photos", scorer=scorer)
    scored = bank.scorer(scorer).score(photos["coffee"])
    assert scored.personal is not None
    assert (scored.personal.score, scored.personal.support) == (scored.score, 0)
    assert [n.local_score for n in scored.personal.neighbours] == [1]


# --- the file of `bank add` -------------------------------------------------------------------------


def source(folder: Path) -> Source:
    return Source(posts=folder / "posts.csv", images=folder / "photos")


def test_adding_twice_changes_nothing(tmp_path: Path, folder: Path, scorer: popscore.Scorer) -> None:
    file = tmp_path / "me.bank"
    assert add_to_file(file, source(folder), scorer=scorer).added == 4
    before = file.read_bytes()
    again = add_to_file(file, source(folder), scorer=scorer)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 4)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["me.bank"]  # no journal is left


def test_other_likes_change_a_post_and_hidden_ones_do_not(
    tmp_path: Path, photos: dict[str, Path], scorer: popscore.Scorer
) -> None:
    file = tmp_path / "me.bank"
    write_posts(tmp_path, photos)
    add_to_file(file, source(tmp_path), scorer=scorer)
    rows = [("p1", "cat.png", "2024-01-01T10:00:00Z", "140", "my cat #cat"), (*ROWS[1][:3], "", ROWS[1][4])]
    write_posts(tmp_path, photos, rows)
    found = add_to_file(file, source(tmp_path), scorer=scorer)
    assert (found.added, found.updated, found.unchanged) == (0, 1, 1)
    assert MemoryBank.open(file, scorer=scorer).stored.likes.tolist() == [140, 50, 220, 70]


def test_stopping_keeps_what_was_done(tmp_path: Path, folder: Path, scorer: popscore.Scorer) -> None:
    file = tmp_path / "me.bank"
    done: list[int] = []
    found = add_to_file(
        file,
        source(folder),
        scorer=scorer,
        on_progress=lambda count, _total: done.append(count),
        cancelled=lambda: len(done) == 2,
    )
    assert found.stopped
    assert len(MemoryBank.open(file, scorer=scorer)) == 2

    def press(count: int, _total: int | None) -> None:
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_to_file(file, source(folder), scorer=scorer, on_progress=press)
    assert len(MemoryBank.open(file, scorer=scorer)) == 3


def test_ctrl_c_while_it_writes_loses_nothing(
    tmp_path: Path, folder: Path, scorer: popscore.Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from popscore.personal import adding

    real, pressed = adding.transaction, []

    def press_once(connection: sqlite3.Connection) -> object:
        if not pressed:
            pressed.append(True)
            raise KeyboardInterrupt
        return real(connection)

    monkeypatch.setattr(adding, "_AT_ONCE", 2)
    monkeypatch.setattr(adding, "transaction", press_once)
    with pytest.raises(KeyboardInterrupt):
        add_to_file(tmp_path / "me.bank", source(folder), scorer=scorer)
    assert len(MemoryBank.open(tmp_path / "me.bank", scorer=scorer)) == 2


def test_previews_are_kept_only_where_asked_for(tmp_path: Path, folder: Path, scorer: popscore.Scorer) -> None:
    from popscore.personal.keeping import bank_state

    file = tmp_path / "me.bank"
    add_to_file(file, source(folder), scorer=scorer)
    assert bank_state(str(file)).previews == 0
    add_to_file(file, source(folder), scorer=scorer, previews=True)
    assert bank_state(str(file)).previews == 4
    small = MemoryBank.open(file, scorer=scorer).preview("p3")
    assert small is not None
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("WEBP", (128, 128))
    assert MemoryBank.open(file, scorer=scorer).preview("p9") is None
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE previews SET image = '<script>'")
        connection.commit()
    assert MemoryBank.open(file, scorer=scorer).preview("p3") is None


# --- other models -----------------------------------------------------------------------------------


def test_a_model_without_an_embedding_is_refused(tmp_path: Path, folder: Path, tiny_model: Path) -> None:
    other = popscore.load_scorer(popscore.Settings(model_path=tiny_model))
    with pytest.raises(BankRefused, match="no embedding"):
        add_to_file(tmp_path / "me.bank", source(folder), scorer=other)
    assert not (tmp_path / "me.bank").exists()
    with pytest.raises(BankRefused, match="no embedding"):
        MemoryBank.from_posts(folder / "posts.csv", images=folder / "photos", scorer=other)


def test_a_bank_of_another_model_is_never_mixed(
    tmp_path: Path, photos: dict[str, Path], scorer: popscore.Scorer, embedded_model: Path
) -> None:
    import onnx

    copy = onnx.load_from_string(embedded_model.read_bytes())
    copy.doc_string = "another file with the same weights"
    (tmp_path / "other.onnx").write_bytes(copy.SerializeToString())
    other = popscore.load_scorer(popscore.Settings(model_path=tmp_path / "other.onnx"))
    file = tmp_path / "me.bank"
    write_posts(tmp_path, photos)
    add_to_file(file, source(tmp_path), scorer=scorer)
    bank = MemoryBank.open(file, scorer=scorer)
    with pytest.raises(BankRefused, match="cannot be mixed"):
        bank.scorer(other)
    with pytest.raises(BankRefused, match="--again"):
        MemoryBank.open(file, scorer=other)
    with pytest.raises(BankRefused, match="--again"):
        add_to_file(file, source(tmp_path), scorer=other)
    # Some of the posts: what the former model saw stays.
    write_posts(tmp_path, photos, ROWS[:3])
    partly = add_to_file(file, source(tmp_path), scorer=other, again=True)
    assert any("1 posts of the bank were not among these" in remark for remark in partly.remarks)
    assert (len(MemoryBank.open(file, scorer=other)), MemoryBank.open(file, scorer=other).unseen) == (3, 1)
    assert len(MemoryBank.open(file, scorer=scorer)) == 4
    write_posts(tmp_path, photos)
    add_to_file(file, source(tmp_path), scorer=other, again=True)
    assert len(MemoryBank.open(file, scorer=other)) == 4
    with pytest.raises(BankRefused, match="--again"):
        MemoryBank.open(file, scorer=scorer)


def test_a_target_that_is_a_folder_or_a_photo_is_refused(
    tmp_path: Path, folder: Path, scorer: popscore.Scorer, cat: Path
) -> None:
    with pytest.raises(ExportFailed, match="is a folder"):
        add_to_file(tmp_path, source(folder), scorer=scorer)
    photo = tmp_path / "cat.png"
    photo.write_bytes(cat.read_bytes())
    with pytest.raises(ExportFailed, match="a photo is there"):
        add_to_file(photo, source(folder), scorer=scorer)
    with pytest.raises(ExportFailed, match="no folder"):
        add_to_file(tmp_path / "no" / "me.bank", source(folder), scorer=scorer)


# --- choices ----------------------------------------------------------------------------------------


def test_choices_are_learnt_from_saved_and_loaded(
    tmp_path: Path, scorer: popscore.Scorer, photos: dict[str, Path]
) -> None:
    from popscore.personal.keeping import bank_state
    from popscore.personal.looking import see
    from popscore.photos.decode import read_photo

    names = list(photos)
    seen = [see(scorer, read_photo(photos[name], at_least=scorer.at_least).pixels, people=False) for name in names]
    worst = min(range(4), key=lambda place: seen[place].score)
    choices = [(worst, place) for place in range(4) if place != worst]
    empty = MemoryBank.empty(scorer=scorer)
    assert empty.scorer(scorer).score(photos[names[worst]]).personal_score == pytest.approx(seen[worst].score, abs=1e-5)
    bank = empty.with_choices(seen, choices)
    scored = bank.scorer(scorer).score(photos[names[worst]])
    assert scored.personal is not None
    assert scored.personal.score > scored.score
    assert 0 < scored.personal.support < 1
    assert (scored.personal.expected_ratio, scored.personal.neighbours) == (1, ())
    bank.save(tmp_path / "me.bank")
    again = MemoryBank.open(tmp_path / "me.bank", scorer=scorer)
    assert again.scorer(scorer).score(photos[names[worst]]) == scored
    assert bank_state(str(tmp_path / "me.bank")).choices == 3
    more = again.with_choices(seen, choices)
    more.save(tmp_path / "me.bank")
    assert bank_state(str(tmp_path / "me.bank")).choices == 6
    with pytest.raises(ValueError, match="not there"):
        bank.with_choices(seen, [(0, 9)])


def test_choices_go_on_from_the_posts(bank: MemoryBank, scorer: popscore.Scorer, photos: dict[str, Path]) -> None:
    from popscore.personal.looking import see
    from popscore.photos.decode import read_photo

    cat, coffee = (
        see(scorer, read_photo(photos[name], at_least=scorer.at_least).pixels, people=False)
        for name in ("cat", "coffee")
    )
    both = bank.with_choices([cat, coffee], [(1, 0)])
    before, after = bank.judge(coffee), both.judge(coffee)
    assert after.score > before.score
    assert after.support > before.support
    assert after.neighbours == before.neighbours
    assert len(both) == 4
