"""What training is given: pairs, photos, options, the folder of a run. Needs no torch."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paired_photos import draw_pairs
from PIL import Image

from popscore.errors import NoPhotosFound
from popscore.models.preprocess import seen_pixels
from popscore.models.spec import ModelSpec
from popscore.photos.decode import read_photo
from popscore.posts import Pair, read_pairs, write_pairs
from popscore.posts.table import UnreadableTable
from popscore.training.i2pa.dataset import Tables, check_likes, check_parts, read
from popscore.training.i2pa.photos import STATES, write_left_out
from popscore.training.i2pa.photos import read as read_photos
from popscore.training.i2pa.recipe import Recipe
from popscore.training.i2pa.split import PARTS, families_of, parts_of
from popscore.training.run_folder import RunRefused

SPEC = ModelSpec(name="", kind="popularity", input_size=(32, 32))


def pair(winner: str, loser: str, user: str = "", **more: int) -> Pair:
    return Pair(winner=winner, loser=loser, user=user, probability=None, gap_days=None, **more)


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    return draw_pairs(tmp_path / "set", users=8, each=5)


# --- the options ------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_paper() -> None:
    paper = Recipe()
    assert (paper.backbone, paper.weights, paper.loss, paper.batch) == ("resnet50", "imagenet", "ranknet", 64)
    assert (paper.backbone_rate, paper.head_rate, paper.rate_decay, paper.weight_decay) == (1e-5, 1e-4, 0.95, 1e-4)
    assert (paper.side, paper.resize, paper.normalisation, paper.freeze, paper.flip) == (
        224,
        "squash",
        "auto",
        False,
        0,
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"side": 8}, "--side 8: it must be from 32 to 1024"),
        ({"dropout": 1.0}, "--dropout 1.0"),
        ({"flip": 1.5}, "--flip 1.5"),
        ({"head_rate": float("nan")}, "--head-rate nan"),
        ({"rate_decay": 0}, "--rate-decay 0"),
        ({"loss": "hinge"}, "--loss 'hinge': it must be ranknet or ratio or regression"),
        ({"freeze": True, "crop": True}, "Leave out --crop or --freeze"),
        ({"freeze": True, "warm_up": 1}, "Leave out --warm-up or --freeze"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(RunRefused, match=said):
        Recipe(**options)  # type: ignore[arg-type]


# --- the split --------------------------------------------------------------------------------------


def test_pairs_of_a_user_and_of_a_photo_are_one_family() -> None:
    pairs = [
        pair("a", "b", "ann"), pair("c", "d", "ann"), pair("e", "f", "bob"), pair("g", "h"), pair("h", "i"),
        pair("f", "j"), pair("k", "l"), pair("m", "a", "cid"),
    ]  # fmt: skip
    assert families_of(pairs).tolist() == [0, 0, 1, 2, 2, 1, 3, 0]
    chain = [pair(str(number), str(number + 1)) for number in range(5000)]
    assert set(families_of(chain).tolist()) == {0}
    assert set(families_of(list(reversed(chain))).tolist()) == {0}


@pytest.mark.parametrize("seed", range(5))
def test_no_user_and_no_photo_is_on_two_sides(seed: int) -> None:
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(600):
        user = f"user {random.integers(80)}"
        one, other = random.choice(20, 2, replace=False)
        pairs.append(pair(f"{user} {one}", f"{user} {other}", user if random.random() < 0.8 else ""))
    parts = parts_of(families_of(pairs), seed=seed)
    assert np.array_equal(parts, parts_of(families_of(pairs), seed=seed))
    sides: dict[str, set[int]] = {}
    for one, part in zip(pairs, parts.tolist(), strict=True):
        for name in (one.winner, one.loser, one.user):
            if name:
                sides.setdefault(name, set()).add(part)
    assert all(len(side) == 1 for side in sides.values())
    counts = np.bincount(parts, minlength=len(PARTS))
    assert 40 <= counts[1] <= 60 and 40 <= counts[2] <= 60


def test_large_users_are_split_too_and_too_few_are_refused() -> None:
    three = np.repeat([0, 1, 2], [50, 40, 30])
    parts = parts_of(three, seed=0)
    assert sorted({(int(family), int(part)) for family, part in zip(three, parts, strict=True)}, key=str) == [
        (0, 0), (1, 1), (2, 2),
    ]  # fmt: skip
    with pytest.raises(RunRefused, match=r"3 groups .* there are 2\. .*--validation PAIRS --test PAIRS"):
        parts_of(np.repeat([0, 1], 50), seed=0)


# --- the tables -------------------------------------------------------------------------------------


def test_a_table_and_its_photos(drawn: Path) -> None:
    found = read(Tables(pairs=drawn), drawn.parent / "photos", seed=0)
    usable = np.ones(len(found.names), bool)
    check_parts(found, usable)
    assert [len(found.part(name, usable)) for name in PARTS] == [30, 5, 5]
    assert found.names == sorted(found.names) and len(found.names) == 80
    assert all(file is not None and file.stem == name for name, file in zip(found.names, found.files, strict=True))
    for one, winner, loser in zip(found.pairs, found.winners, found.losers, strict=True):
        assert (found.names[winner], found.names[loser]) == (one.winner, one.loser)
    assert (found.likes[:, 0] > found.likes[:, 1]).all()
    usable[found.winners[found.part("test", usable)[0]]] = False
    with pytest.raises(RunRefused, match="Only 4 pairs with both photos are left for the part test, of 40 in all"):
        check_parts(found, usable)


def test_rows_that_cannot_be_used_are_counted(drawn: Path) -> None:
    with drawn.open("a") as file:
        file.write("u0_0_a,u0_0_a,user 0,.97,1,10,5\nu0_0_b,u0_0_a,user 0,.97,1,5,10\n")
    found = read(Tables(pairs=drawn), drawn.parent / "photos", seed=0)
    assert (len(found.pairs), found.failed) == (40, 2)
    assert "is paired with itself" in found.errors[0].message
    assert "has 5 likes, not more than the loser's 10" in found.errors[1].message


def test_tables_that_hold_back_take_their_users_out_of_training(drawn: Path, tmp_path: Path) -> None:
    pairs = list(read_pairs(drawn).pairs)
    held = [one for one in pairs if one.user == "user 1"]
    other = [replace(one, user="somebody") for one in pairs if one.user == "user 2"]  # photos of user 2 by another name
    write_pairs(held, tmp_path / "validation.csv")
    write_pairs(other, tmp_path / "test.csv")
    tables = Tables(pairs=drawn, validation=tmp_path / "validation.csv", test=tmp_path / "test.csv")
    found = read(tables, drawn.parent / "photos", seed=0)
    usable = np.ones(len(found.names), bool)
    assert [len(found.part(name, usable)) for name in PARTS] == [30, 5, 5]
    assert found.shared == 10
    assert {found.pairs[place].user for place in found.part("train", usable)}.isdisjoint({"user 1", "user 2"})
    assert set(tables.sha256()) == {"pairs_sha256", "validation_sha256", "test_sha256"}
    assert Tables(pairs=drawn).sha256()["test_sha256"] is None
    with pytest.raises(RunRefused, match="All pairs share a user or a photo"):
        read(Tables(pairs=drawn, test=drawn), drawn.parent / "photos", seed=0)


def test_what_is_no_table_and_no_folder(drawn: Path, tmp_path: Path) -> None:
    photos = drawn.parent / "photos"
    empty = tmp_path / "empty.csv"
    empty.write_text("winner,loser\n")
    with pytest.raises(UnreadableTable, match="no pair"):
        read(Tables(pairs=empty), photos, seed=0)
    with pytest.raises(NoPhotosFound, match="is no folder"):
        read(Tables(pairs=drawn), tmp_path / "nowhere", seed=0)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(photos / "u0_0_a.png", other / "holiday.png")
    with pytest.raises(
        RunRefused, match=r"None of the 80 photos of the pairs is in .*: no u0_0_a, with \.jpg or without"
    ):
        read(Tables(pairs=drawn), other, seed=0)
    with pytest.raises(RunRefused, match="cannot be read"):
        Tables(pairs=tmp_path).sha256()


def test_losses_that_need_likes_say_so(tmp_path: Path, drawn: Path) -> None:
    bare = tmp_path / "bare.csv"
    write_pairs([replace(one, winner_likes=None) for one in read_pairs(drawn).pairs], bare)
    found = read(Tables(pairs=bare), drawn.parent / "photos", seed=0)
    check_likes(found, "ranknet")
    with pytest.raises(RunRefused, match="The loss ratio needs the columns winner_likes and loser_likes"):
        check_likes(found, "ratio")


# --- the photos -------------------------------------------------------------------------------------


def odd_photos(folder: Path) -> dict[str, Path | None]:
    """One of each kind that goes wrong somewhere."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    plain = Image.fromarray(random.integers(0, 255, (60, 80, 3), np.uint8))
    plain.save(folder / "plain.jpg", quality=95)
    turned = Image.Exif()
    turned[0x0112] = 6
    plain.rotate(90, expand=True).save(folder / "sideways.jpg", quality=95, exif=turned)
    plain.resize((5000, 1)).save(folder / "thin.png")
    plain.resize((3, 2)).save(folder / "small.png")
    plain.convert("RGBA").save(folder / "alpha.png")
    frames = [plain.convert("P"), Image.new("P", plain.size)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    return {**{path.name: path for path in sorted(folder.iterdir())}, "missing.jpg": None}


def test_photos_of_all_kinds_become_what_scoring_sees(tmp_path: Path) -> None:
    given = odd_photos(tmp_path / "photos")
    names, files = list(given), list(given.values())
    photos = read_photos(names, files, tmp_path / "shards", SPEC, crop=True, begun=False)
    states = {name: STATES[state] for name, state in zip(names, photos.states, strict=True)}
    assert states.pop("missing.jpg") == "missing"
    assert states.pop("broken.jpg") == "unreadable"
    assert set(states.values()) == {"used"}
    pixels = photos.pixels(np.arange(len(names)))
    for place, name in enumerate(names):
        if name in states:
            assert np.array_equal(pixels[place], np.asarray(seen_pixels(read_photo(given[name]).pixels, SPEC))), name
    upright, sideways = (pixels[names.index(name)].astype(int) for name in ("plain.jpg", "sideways.jpg"))
    assert np.abs(upright - sideways).mean() < 20  # not exactly, since it was saved again
    corners = photos.parts(np.zeros(2, np.intp), np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert corners.shape == (2, 32, 32, 3) and not np.array_equal(corners[0], corners[1])
    write_left_out(tmp_path / "left_out.csv", names, photos.states)
    table = (tmp_path / "left_out.csv").read_text().splitlines()
    assert table == ["photo,reason", "broken.jpg,unreadable", "missing.jpg,missing"]


def test_photos_that_change_are_read_again_until_something_was_learned(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 40), "red").save(path)
    given: tuple[list[str], list[Path | None]] = (["a", "b"], [path, None])

    def again(files: list[Path | None] | None = None, *, begun: bool) -> str:
        return read_photos(given[0], files or given[1], tmp_path / "shards", SPEC, crop=False, begun=begun).sha256

    first = again(begun=False)
    assert again(begun=True) == first
    Image.linear_gradient("L").save(path)
    with pytest.raises(RunRefused, match="a has changed since this run began"):
        again(begun=True)
    changed = again(begun=False)
    assert changed != first
    assert again(begun=True) == changed
    with pytest.raises(RunRefused, match="b has changed"):  # it was missing before
        again([path, path], begun=True)


def test_a_disk_without_room_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))  # type: ignore[attr-defined]
    with pytest.raises(
        RunRefused, match=r"The photos need 0\.0 GB as pixels, and .* has only 0\.0 GB left.*--side 160"
    ):
        read_photos(["a"], [None], tmp_path / "shards", SPEC, crop=False, begun=False)
