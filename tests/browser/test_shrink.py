"""Photos made smaller in the browser: the server finds in them what it finds in the original."""

import base64
import io
import struct
from typing import Any

import numpy as np
import pytest
from photos import every_format, huge_png, picture, saved, with_jpeg_segment
from PIL import ExifTags, Image, ImageCms
from playwright.sync_api import Page

from popscore.photos.decode import read_photo

pytestmark = pytest.mark.browser

TAKEN, PART = "2024:02:29 23:59:58", "0420"
_SHRINK = """async ({files, options, script}) => {
  if (script) new Function(script)();
  const base64 = async (blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  };
  const shrinker = popscore.shrinker({shortSide: 720, ...options});
  const answers = await Promise.all(files.map(async ({name, content}) => {
    const file = new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name, {lastModified: 5});
    const {file: sent, small, ...answer} = await shrinker.shrink(file);
    if (sent) {
      const {name: called, type, lastModified: at} = sent;
      Object.assign(answer, {name: called, type, at, file: await base64(sent)});
    }
    if (small) answer.small = await base64(small);
    return answer;
  }));
  shrinker.close();
  return answers;
}"""

Answer = dict[str, Any]


@pytest.fixture
def size() -> str:
    return "desktop"


def shrink_all(page: Page, files: dict[str, bytes], script: str = "", **options: Any) -> dict[str, Answer]:
    """What the page answers for each file; of what it sends and shows, the bytes. `script` runs before."""
    sent = [{"name": name, "content": base64.b64encode(content).decode()} for name, content in files.items()]
    answers = page.evaluate(_SHRINK, {"files": sent, "options": options, "script": script})
    for answer in answers:
        answer.update({key: base64.b64decode(answer[key]) for key in ("file", "small") if key in answer})
    return dict(zip(files, answers, strict=True))


def shrink(page: Page, content: bytes, name: str = "photo.jpg", **options: Any) -> Answer:
    return shrink_all(page, {name: content}, **options)[name]


def reasons(answers: dict[str, Answer]) -> dict[str, str | None]:
    return {name: answer.get("reason") for name, answer in answers.items()}


def grainy(width: int = 1600, height: int = 1200) -> Image.Image:
    """As `picture`, with the noise of a camera, so that files are as large as those of photos."""
    random = np.random.default_rng(1)
    pixels = np.asarray(picture(width, height), np.int16) + random.integers(-9, 10, (height, width, 3), np.int16)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def full_exif(orientation: int = 1, part: str = PART) -> Image.Exif:
    """What a phone writes, the place among it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.DateTime] = "2025:01:01 00:00:00"
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.DateTimeOriginal: TAKEN,
            ExifTags.Base.SubsecTimeOriginal: part,
            ExifTags.Base.BodySerialNumber: "1234567",
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 0.0)})
    return exif


def tiff(order: str, *entries: tuple[int, int, int, bytes], first: int = 8, pointer: int = 26) -> bytes:
    """An EXIF of a directory that points to a second one with these entries, and room for texts behind it."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", first)
    head += struct.pack(order + "HHHIII", 1, 0x8769, 4, 1, pointer, 0)
    second = struct.pack(order + "H", len(entries))
    return head + second + b"".join(struct.pack(order + "HHI", *entry[:3]) + entry[3] for entry in entries) + bytes(4)


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    return with_jpeg_segment(jpeg, 0xE1, b"Exif\0\0" + exif)


# --- pixels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", [6, *(pytest.param(other, marks=pytest.mark.slow) for other in (1, 3, 7))])
def test_a_photo_comes_upright_and_small_with_its_time_and_nothing_else_of_exif(page: Page, orientation: int) -> None:
    original = saved(grainy(), "JPEG", quality=92, exif=full_exif(orientation))
    answer = shrink(page, original, "a.b.JPEG")
    server = read_photo(original)

    assert (answer["whole"], answer["name"], answer["type"], answer["at"]) == (False, "a.b.jpg", "image/jpeg", 5)
    assert (answer["width"], answer["height"]) == (server.width, server.height)
    assert answer["taken"] == f"{TAKEN}.{PART}"
    reduced = read_photo(answer["file"])
    assert reduced.taken_s == server.taken_s is not None
    assert sorted(reduced.pixels.size) == [720, 960]
    expected = server.pixels.resize(reduced.pixels.size, Image.Resampling.BILINEAR)
    difference = np.abs(np.asarray(reduced.pixels, np.int16) - np.asarray(expected, np.int16))
    assert difference.mean() < 3
    with Image.open(io.BytesIO(answer["file"])) as opened:
        exif = opened.getexif()
        assert (dict(exif).keys(), exif.get_ifd(ExifTags.IFD.GPSInfo)) == ({ExifTags.IFD.Exif}, {})
        assert dict(exif.get_ifd(ExifTags.IFD.Exif)) == {0x9003: TAKEN, 0x9291: PART}
    with Image.open(io.BytesIO(answer["small"])) as small:
        assert max(small.size) == 360
        turned = np.asarray(small.convert("RGB").resize((8, 8)), np.int16) - np.asarray(
            server.pixels.resize((8, 8)), np.int16
        )
        assert np.abs(turned).mean() < 4


def test_colours_are_those_of_the_file_whatever_its_profile_says(page: Page) -> None:
    pixels = np.zeros((900, 900, 3), np.int16)
    pixels[..., :] = (220, 60, 40)
    pixels += np.random.default_rng(2).integers(-9, 10, pixels.shape, np.int16)
    image = Image.fromarray(pixels.astype(np.uint8))
    original = saved(image, "JPEG", quality=95, subsampling=0, icc_profile=display_p3())
    seen = page.evaluate(
        """async (content) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const context = new OffscreenCanvas(1, 1).getContext('2d');
          context.drawImage(await createImageBitmap(new Blob([bytes])), 0, 0, 1, 1);
          return [...context.getImageData(0, 0, 1, 1).data];
        }""",
        base64.b64encode(original).decode(),
    )
    assert seen[0] > 230  # the browser does know the profile
    means = np.asarray(read_photo(shrink(page, original)["file"]).pixels).mean((0, 1))
    assert np.abs(means - np.asarray(read_photo(original).pixels).mean((0, 1))).max() < 1.5


def display_p3() -> bytes:
    """The profile of sRGB with the three colours of Display P3, which has nearly the same curve."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    colours = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for name, values in colours.items():
        (at,) = struct.unpack_from(">I", profile, profile.index(name, 128) + 4)
        struct.pack_into(">3i", profile, at + 8, *(round(65536 * value) for value in values))
    return bytes(profile)


def test_what_is_transparent_becomes_white(page: Page) -> None:
    image = grainy(1000, 800).convert("RGBA")
    image.putalpha(picture(1000, 800).getchannel("R"))
    original = saved(image, "PNG")
    answer = shrink(page, original, "photo.png")
    reduced, server = read_photo(answer["file"]).pixels, read_photo(original).pixels
    assert (answer["name"], reduced.size) == ("photo.jpg", (900, 720))
    left, right = ((0, 0, 20, 720), (880, 0, 900, 720))
    for box in (left, right):
        mine = np.asarray(reduced.crop(box), np.float32).mean((0, 1))
        its = np.asarray(server.resize(reduced.size, Image.Resampling.BILINEAR).crop(box), np.float32).mean((0, 1))
        assert np.abs(mine - its).max() < 2
    assert np.asarray(read_photo(answer["small"]).pixels)[:, :3].mean() > 245


@pytest.mark.slow
def test_of_an_animation_the_first_picture_counts(page: Page) -> None:
    frames = [Image.effect_noise((1000, 800), 90).convert("P"), Image.new("P", (1000, 800))]
    original = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], loop=0)
    answer = shrink(page, original, "photo.gif")
    assert answer["whole"] is False
    assert np.asarray(read_photo(answer["file"]).pixels).mean() > 90


@pytest.mark.parametrize(("size_of", "sent"), [((6000, 1440), (3000, 720)), ((1080, 3240), (720, 2160))])
@pytest.mark.slow
def test_a_panorama_keeps_its_shape_and_nothing_is_enlarged(
    page: Page, size_of: tuple[int, int], sent: tuple[int, int]
) -> None:
    answer = shrink(page, saved(grainy(*size_of), "PNG"), "wide.png")
    assert (answer["width"], answer["height"]) == size_of
    assert read_photo(answer["file"]).pixels.size == sent


# --- whole --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_cannot_be_made_smaller_goes_up_whole_with_the_reason(page: Page) -> None:
    image = grainy(1000, 800)
    formats = every_format(image)
    jpeg = saved(grainy(), "JPEG", quality=92)
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    files = {
        "cut off.jpg": jpeg[: len(jpeg) // 2],
        "cut off.png": formats["photo.png"][:500_000],
        "words.jpg": b"no photo at all" * 20_000,
        "empty.jpg": b"",
        "photo.heic": formats["photo.heic"],
        "photo.tif": formats["photo.tif"],
        "bomb.png": huge_png(20_000, 20_000),
        "photo.avif": formats["photo.avif"],
        "printed.jpg": saved(image.convert("CMYK"), "JPEG", quality=95),
        "turned.png": saved(image, "PNG", exif=turned),
        "two.png": saved(image, "PNG", save_all=True, append_images=[picture(1000, 800)]),
        "small.jpg": saved(picture(1000, 800), "JPEG"),
        "as small.jpg": saved(grainy(3000, 740), "JPEG", quality=88),
        "few pixels.jpg": saved(grainy(1600, 700), "JPEG", quality=95),
        "good.jpg": jpeg,
    }
    answers = shrink_all(page, files)
    assert reasons(answers) == {
        "cut off.jpg": "cannot decode",
        "cut off.png": "cannot decode",
        "words.jpg": "cannot decode",
        "empty.jpg": "cannot decode",
        "photo.heic": "cannot decode",
        "photo.tif": "cannot decode",
        "bomb.png": "too many pixels",
        "photo.avif": "other format",
        "printed.jpg": "other colours",
        "turned.png": "turned",
        "two.png": "animated",
        "small.jpg": "small enough",
        "as small.jpg": "no gain",
        "few pixels.jpg": "small enough",
        "good.jpg": None,
    }
    for name in ("photo.avif", "printed.jpg", "two.png", "small.jpg"):
        answer = answers[name]
        assert (answer["width"], answer["height"], answer["taken"]) == (1000, 800, None)
        assert read_photo(answer["small"]).pixels.size == (360, 288)
    assert read_photo(answers["as small.jpg"]["small"]).pixels.size == (360, 89)
    assert answers["good.jpg"]["whole"] is False


@pytest.mark.parametrize("orientation", [6, *(pytest.param(other, marks=pytest.mark.slow) for other in (1, 3, 8))])
def test_a_jpeg_that_goes_up_as_it_is_does_not_say_where_it_was_taken(page: Page, orientation: int) -> None:
    image = picture(600, 400)
    original = saved(image, "JPEG", exif=full_exif(orientation), comment=b"at home")
    original = with_jpeg_segment(original, 0xED, b"Photoshop 3.0\0secret place")
    answer = shrink(page, original)
    assert (answer["whole"], answer["reason"]) == (True, "small enough")
    before, after = read_photo(original), read_photo(answer["file"])
    assert after.taken_s == before.taken_s is not None
    assert after.pixels.size == before.pixels.size
    assert np.array_equal(np.asarray(after.pixels), np.asarray(before.pixels)), "the same pixels, the same way up"
    assert len(answer["file"]) < len(original)
    for secret in (b"Maker", b"1234567", b"at home", b"secret place", b"GPS"):
        assert secret not in answer["file"]
    with Image.open(io.BytesIO(answer["file"])) as sent:
        assert not sent.getexif().get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.slow
def test_a_jpeg_without_time_that_lies_on_its_side_still_does(page: Page) -> None:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    original = saved(picture(600, 400), "JPEG", exif=turned)
    answer = shrink(page, original)
    assert read_photo(answer["file"]).pixels.size == (400, 600)
    assert (answer["width"], answer["height"]) == (400, 600)


HANGS = """const Real = Worker; window.made = 0; window.Worker = class extends Real {
  constructor(address) {
    super(made++ < %d ? URL.createObjectURL(new Blob(['%s'])) : address);
  }
};"""


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(page: Page) -> None:
    files = {f"{number}.jpg": saved(grainy(), "JPEG", quality=92) for number in range(4)}
    answers = shrink_all(page, files, HANGS % (1, "onmessage = () => { for (;;); }"), patience=4000)
    assert sorted(map(str, reasons(answers).values())) == ["None", "None", "None", "took too long"]
    assert page.evaluate("made") == 2


@pytest.mark.slow
def test_workers_that_fail_are_given_up_after_a_few(page: Page) -> None:
    files = {f"{number}.jpg": saved(grainy(), "JPEG", quality=92) for number in range(8)}
    answers = shrink_all(page, files, HANGS % (99, "onmessage = () => { throw new Error(); }"))
    assert set(reasons(answers).values()) == {"failed"}
    assert page.evaluate("made") <= 4


def test_two_workers_serve_all_photos(page: Page) -> None:
    files = {f"{number}.jpg": saved(grainy(1000 + number, 900), "JPEG", quality=92) for number in range(7)}
    answers = shrink_all(page, files, HANGS % (0, ""))
    assert [answers[name]["width"] for name in files] == [1000 + number for number in range(7)]
    assert page.evaluate("made") == 2


@pytest.mark.parametrize(
    "missing",
    ["Worker", *(pytest.param(other, marks=pytest.mark.slow) for other in ("OffscreenCanvas", "createImageBitmap"))],
)
def test_a_browser_that_cannot_uploads_whole(page: Page, missing: str) -> None:
    answers = shrink_all(page, {"photo.jpg": saved(grainy(), "JPEG")}, f"delete window.{missing};")
    assert answers["photo.jpg"] == {"whole": True, "reason": "not supported"}


@pytest.mark.slow
def test_a_browser_that_hides_pixels_uploads_whole(page: Page) -> None:
    script = """const Real = Worker; window.Worker = class extends Real {
      constructor(address) {
        const guard = 'OffscreenCanvasRenderingContext2D.prototype.getImageData = (x, y, width, height) => '
          + '({data: new Uint8ClampedArray(4 * width * height).fill(255)});';
        super(URL.createObjectURL(new Blob([`${guard} importScripts('${address}');`])));
      }
    };"""
    answers = shrink_all(page, {"photo.jpg": saved(grainy(), "JPEG")}, script)
    assert answers["photo.jpg"] == {"whole": True, "reason": "not supported"}


@pytest.mark.slow
def test_a_page_that_must_not_have_workers_uploads_whole(page: Page) -> None:
    script = "window.Worker = class { constructor() { throw new DOMException('no', 'SecurityError'); } };"
    assert shrink_all(page, {"photo.jpg": saved(grainy(), "JPEG")}, script)["photo.jpg"]["reason"] == "failed"


@pytest.mark.slow
def test_closing_lets_waiting_photos_go_whole(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const shrinker = popscore.shrinker({shortSide: 720});
          const answers = [1, 2, 3].map(() => shrinker.shrink(new File(['x'], 'photo.jpg')));
          shrinker.close();
          return Promise.all([...answers, shrinker.shrink(new File(['x'], 'late.jpg'))]);
        }"""
    )
    assert found == [{"whole": True, "reason": "closed"}] * 4


# --- when it was taken --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_time_of_every_format_stays(page: Page) -> None:
    files, parts = {}, {}
    for kind in ("JPEG", "PNG", "WEBP"):
        for part in (PART, "5", "", "123456789"):
            name = f"{kind} {part}"
            options = {"quality": 97} if kind != "PNG" else {}
            files[name] = saved(grainy(1000, 800), kind, exif=full_exif(part=part), **options)
            parts[name] = f".{part}" if part else ""
    answers = shrink_all(page, files)
    assert {name: answer["taken"] for name, answer in answers.items()} == {
        name: TAKEN + part for name, part in parts.items()
    }
    for name, answer in answers.items():
        assert read_photo(answer["file"]).taken_s == read_photo(files[name]).taken_s is not None


@pytest.mark.slow
def test_exif_of_every_order_and_hostile_exif_say_what_they_say_to_the_server(page: Page) -> None:
    jpeg = saved(grainy(1000, 800), "JPEG", quality=97)
    text = f"{TAKEN}\0".encode()
    files = {}
    for order in "<>":

        def place(at: int, order: str = order) -> bytes:
            return struct.pack(order + "I", at)

        good = tiff(order, (0x9003, 2, 20, place(56)), (0x9291, 2, 3, b"42\0\0")) + text
        exifs = {
            "good": good,
            "behind the end": tiff(order, (0x9003, 2, 20, place(4_000_000_000))),
            "long": tiff(order, (0x9003, 2, 4_000_000_000, place(44))) + text,
            "number": tiff(order, (0x9003, 4, 1, place(44))) + text,
            "around itself": tiff(order, (0x9003, 2, 20, place(44)), pointer=8) + text,
            "no directory": tiff(order, first=4_000_000_000),
            "no second": tiff(order, pointer=4_000_000_000),
            "zeros": tiff(order, (0x9003, 2, 20, place(44))) + b"0000:00:00 00:00:00\0",
            "short": good[:9],
            "nothing": b"",
        }
        files |= {f"{order} {name}": with_exif(jpeg, exif) for name, exif in exifs.items()}
        random = np.random.default_rng(3)
        for number in range(12):  # damaged anywhere
            damaged = bytearray(good)
            for _ in range(2):
                damaged[random.integers(len(damaged))] = random.integers(256)
            files[f"{order} damaged {number}"] = with_exif(jpeg, bytes(damaged))
    answers = shrink_all(page, files)
    assert {name: found for name, found in reasons(answers).items() if found} == {}
    times = {name: read_photo(content).taken_s for name, content in files.items()}
    assert {name: read_photo(answer["file"]).taken_s for name, answer in answers.items()} == times
    assert [name for name in times if times[name] is not None and "damaged" not in name] == ["< good", "> good"]
    assert answers["> good"]["taken"] == f"{TAKEN}.42"


@pytest.mark.slow
def test_exif_behind_other_segments_is_found_and_a_broken_chain_of_them_is_not_followed(page: Page) -> None:
    jpeg = saved(grainy(1000, 800), "JPEG", quality=92, exif=full_exif())
    far = jpeg
    for _ in range(6):
        far = with_jpeg_segment(far, 0xE2, bytes(60_000))
    many = jpeg
    for _ in range(700):
        many = with_jpeg_segment(many, 0xFE, b"")
    answers = shrink_all(page, {"far.jpg": far, "many.jpg": many})
    assert answers["far.jpg"]["taken"] == f"{TAKEN}.{PART}"
    assert answers["many.jpg"] == {"whole": True, "reason": "other size"}
