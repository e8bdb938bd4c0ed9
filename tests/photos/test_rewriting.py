"""Photos written again: pixels, colour profile and EXIF are kept, the place is not."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from commands import environment
from hostile_photos import exif_bomb, exif_photo
from photos import every_format, picture, png_chunk, saved, sideways, with_jpeg_segment
from PIL import ExifTags, Image, ImageCms, ImageOps

from popscore.errors import ExportFailed, ImageTooLarge, UnreadableImage
from popscore.photos.decode import read_photo
from popscore.photos.exif_entries import Exif, read_exif
from popscore.photos.profiles import color_profile
from popscore.photos.rewriting import fitting_suffix, rewrite
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GPS = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)}
PLACE = b"<x:xmpmeta xmlns:exif='exif' exif:GPSLatitude='48,51.5N' photoshop:City='Paris'/>"


def same(image: Image.Image) -> Image.Image:
    return image


def phone_exif(order: str = "<") -> bytes:
    """As a phone writes it: camera, time, place, maker note, a thumbnail, sizes of the stored picture."""
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", "Phone 9", 6
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo |= {0x829A: 0.004, 0x9003: "2026:05:04 10:11:12", 0x8827: 125, 0xA002: 64, 0xA003: 96}
    photo |= {0x927C: b"Maker note with Paris in it", 0x9286: b"ASCII\0\0\0near Paris", 0xFDE8: "lens of no standard"}
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(GPS)
    return exif.tobytes()


def phone_photo(kind: str = "JPEG", **options: object) -> bytes:
    """Upright it is 64 x 96."""
    return saved(picture(96, 64), kind, exif=phone_exif(), icc_profile=PROFILE, quality=95, **options)


def written(photo: PhotoSource, folder: Path, name: str = "out.jpg", **options: bool) -> Image.Image:
    image = Image.open(rewrite(photo, folder / name, same, **options))
    image.load()
    return image


def test_pixels_profile_and_exif_of_a_phone_photo(tmp_path: Path) -> None:
    content = phone_photo()
    image = written(content, tmp_path)
    assert image.size == (64, 96) and image.info["icc_profile"] == PROFILE
    exif = image.getexif()
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    assert (exif[0x0110], exif[0x0112]) == ("Phone 9", 1)
    assert (photo[0x829A], photo[0x9003], photo[0x8827]) == (0.004, "2026:05:04 10:11:12", 125)
    assert (photo[0xA002], photo[0xA003]) == (64, 96)
    assert 0xFDE8 not in photo
    assert np.abs(np.asarray(image, int) - np.asarray(read_photo(content).pixels, int)).mean() < 1


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_the_place_goes_only_where_it_is_wanted(tmp_path: Path, kind: str, keep: bool) -> None:
    content = phone_photo(kind, **({} if kind == "TIFF" else {"xmp": PLACE}))
    image = written(content, tmp_path, keep_location=keep)
    gps = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert bool(gps) == keep
    if keep:
        assert gps[1] == "N" and [float(part) for part in gps[2]] == list(GPS[2])
    text = (tmp_path / "out.jpg").read_bytes()
    assert (b"Paris" in text) == keep
    assert b"xmpmeta" not in text and b"lens of no standard" not in text
    assert image.getexif()[0x0110] == "Phone 9" and image.info["icc_profile"] == PROFILE


def test_no_iptc_and_no_thumbnail(tmp_path: Path) -> None:
    thumbnail = saved(picture(8, 8), "JPEG")
    exif = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 0x0112, 3, 1, 6) + struct.pack("<I", 26)
    exif += struct.pack("<H", 2) + struct.pack("<HHII", 0x0201, 4, 1, 56) + struct.pack("<HHII", 0x0202, 4, 1, 999)
    content = saved(picture(), "JPEG", exif=b"Exif\0\0" + exif + bytes(4) + thumbnail)
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0a\x1c\x02\x5a\0\x05Paris\0"
    content = with_jpeg_segment(content, 0xED, iptc)
    assert content.count(b"\xff\xd8\xff") == 2
    assert written(content, tmp_path, keep_location=True).getexif()[0x0112] == 1
    text = (tmp_path / "out.jpg").read_bytes()
    assert b"Paris" not in text and b"8BIM" not in text and text.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_upright_whatever_the_tag_says(tmp_path: Path, kind: str, orientation: int) -> None:
    options = {"quality": 95} if kind in ("JPEG", "WEBP", "HEIF", "AVIF") else {}
    image = written(sideways(picture(), kind, orientation, **options), tmp_path, "out.png")
    assert image.getexif().get(0x0112, 1) == 1
    again = ImageOps.exif_transpose(image).convert("RGB")
    assert np.abs(np.asarray(again, int) - np.asarray(picture(), int)).mean() < 4


def test_every_format_in_both_formats(tmp_path: Path) -> None:
    for name, content in every_format(picture()).items():
        for suffix in (".jpg", ".PNG"):
            image = written(content, tmp_path, f"{name}{suffix}")
            assert image.format == ("JPEG" if suffix == ".jpg" else "PNG") and image.size == (96, 64)


def test_png_is_exact_and_flattened_as_for_scoring(tmp_path: Path) -> None:
    source = picture().convert("RGBA")
    source.putalpha(Image.linear_gradient("L").resize(source.size))
    content = saved(source, "PNG")
    assert fitting_suffix(content) == ".png"
    image = written(content, tmp_path, "out.png")
    assert image.mode == "RGB" and image.tobytes() == read_photo(content).pixels.tobytes()


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    content = saved(picture(), "GIF", save_all=True, append_images=[Image.new("RGB", (96, 64), "red")])
    assert written(content, tmp_path, "out.png").n_frames == 1


def test_a_changed_size_is_told(tmp_path: Path) -> None:
    rewrite(phone_photo(), tmp_path / "out.jpg", lambda image: image.crop((0, 0, 20, 30)))
    photo = Image.open(tmp_path / "out.jpg").getexif().get_ifd(ExifTags.IFD.Exif)
    assert (photo[0xA002], photo[0xA003]) == (20, 30)


def test_a_decoded_image(tmp_path: Path) -> None:
    image = Image.open(io.BytesIO(phone_photo()))
    image.load()
    before = dict(image.info)
    found = written(image, tmp_path)
    assert found.size == (64, 96) and found.info["icc_profile"] == PROFILE and found.getexif()[0x0112] == 1
    assert not found.getexif().get_ifd(ExifTags.IFD.GPSInfo) and image.info == before


@pytest.mark.parametrize("profile", [b"x" * 300, b"\0" * 128, PROFILE[:16] + b"CMYK" + PROFILE[20:]])
def test_a_profile_that_does_not_fit_is_left_out(tmp_path: Path, profile: bytes) -> None:
    assert "icc_profile" not in written(saved(picture(), "JPEG", icc_profile=profile), tmp_path).info


def test_a_profile_in_many_segments(tmp_path: Path) -> None:
    large = PROFILE + bytes(150_000)
    content = saved(picture(), "JPEG", icc_profile=large)
    assert color_profile(content, "jpeg") == large
    assert written(content, tmp_path).info["icc_profile"] == large


def test_a_profile_that_unpacks_to_far_more(tmp_path: Path) -> None:
    packer = zlib.compressobj(9)
    packed = b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(30)), packer.flush()])
    content = saved(picture(), "PNG")
    content = content[:33] + png_chunk(b"iCCP", b"x\0\0" + packed) + content[33:]
    assert color_profile(content, "png") is None
    assert "icc_profile" not in written(content, tmp_path, "out.png").info


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_exif_bomb(tmp_path: Path, kind: str) -> None:
    if kind == "JPEG":
        content = saved(picture(), "JPEG", exif=b"Exif\0\0" + exif_bomb())
    else:
        content = exif_photo(kind)
    written(content, tmp_path)
    assert (tmp_path / "out.jpg").stat().st_size < 100_000


@pytest.mark.parametrize("order", ["<", ">"])
def test_entries_come_back_as_they_were(order: str) -> None:
    exif = read_exif(phone_exif(order)[6:])
    assert exif is not None and exif.order == order
    assert read_exif(exif.to_bytes()) == exif
    assert exif.text(exif.main[0x0110]) == "Phone 9" and exif.numbers(exif.photo[0x829A]) == [0.004]


def test_damaged_exif_says_nothing() -> None:
    exif = phone_exif()[6:]
    for at in range(len(exif)):
        for value in (0, 255):
            found = read_exif(exif[:at] + bytes([value]) + exif[at + 1 :])
            if found:
                found.to_bytes()
        read_exif(exif[:at])
    assert read_exif(None) is None and read_exif(b"II*\0") is None
    assert Exif().to_bytes() == b"II*\0\x08\0\0\0\0\0\0\0\0\0"


def test_too_much_exif_loses_its_largest_values(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110] = "Phone 9"
    exif.get_ifd(ExifTags.IFD.Exif).update({0x927C: b"m" * 40_000, 0x9286: b"c" * 22_000})
    image = written(saved(picture(), "JPEG", exif=exif), tmp_path, keep_location=True)
    photo = image.getexif().get_ifd(ExifTags.IFD.Exif)
    assert image.getexif()[0x0110] == "Phone 9" and 0x927C not in photo and 0x9286 in photo


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out", "out.webp", "out.tif", "out.jpg.exe"])
def test_other_kinds_are_refused(tmp_path: Path, cat: Path, name: str) -> None:
    with pytest.raises(ExportFailed, match=r"saved as JPEG or PNG. Name a \.jpg or a \.png file"):
        rewrite(cat, tmp_path / name, same)
    assert list(tmp_path.iterdir()) == []


def test_never_the_photo_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(phone_photo())
    (tmp_path / "link.jpg").symlink_to(path)
    before = path.read_bytes()
    for target in (path, tmp_path / "link.jpg", tmp_path / "x" / ".." / "a.jpg"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with path.open("rb") as file, Image.open(path) as image:
            for source in (path, NamedPhoto(path, "b.jpg"), file, image):
                with pytest.raises(ExportFailed, match="it is the photo itself"):
                    rewrite(source, target, same, replace=True)
    assert path.read_bytes() == before


def test_another_photo_is_replaced_only_where_that_is_wanted(tmp_path: Path) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(saved(picture(8, 8), "JPEG"))
    with pytest.raises(ExportFailed, match="a photo is there"):
        rewrite(phone_photo(), other, same)
    rewrite(phone_photo(), other, same, replace=True)
    assert Image.open(other).size == (64, 96)


def test_no_such_folder_and_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for folder, reason in (("none", "there is no folder"), ("file", "was not written")):
        with pytest.raises(ExportFailed, match=reason):
            rewrite(phone_photo(), tmp_path / folder / "out.jpg", same)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage):
        rewrite(tmp_path / "none.jpg", tmp_path / "out.jpg", same)
    with pytest.raises(UnreadableImage):
        rewrite(phone_photo()[:400], tmp_path / "out.jpg", same)
    with pytest.raises(ImageTooLarge):
        rewrite(phone_photo(), tmp_path / "out.jpg", same, limits=ImageLimits(max_pixels=100))
    assert list(tmp_path.iterdir()) == []


def test_a_change_must_give_rgb_pixels(tmp_path: Path) -> None:
    for change in (lambda image: image.convert("L"), lambda image: image.crop((0, 0, 0, 5))):
        with pytest.raises(ValueError, match="not RGB"):
            rewrite(phone_photo(), tmp_path / "out.jpg", change)
    assert list(tmp_path.iterdir()) == []


def test_too_long_for_a_jpeg(tmp_path: Path) -> None:
    content = saved(Image.new("RGB", (65_520, 1)), "PNG")
    with pytest.raises(ExportFailed, match=r"65500 pixels a side at most. Name a \.png file"):
        rewrite(content, tmp_path / "out.jpg", same)
    assert written(content, tmp_path, "out.png").size == (65_520, 1)


def test_noise_and_one_pixel(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (500, 700, 3), np.uint8))
    for image in (noise, Image.new("RGB", (1, 1)), Image.new("RGB", (1, 5000))):
        assert written(saved(image, "PNG"), tmp_path, f"{image.height}.jpg").size == image.size


@pytest.mark.parametrize("existing", [True, False])
def test_full_disk(tmp_path: Path, cat: Path, existing: bool) -> None:
    """Files may not grow beyond 4 kB in this process, which fails as a full disk does."""
    if existing:
        (tmp_path / "out.jpg").write_bytes(b"before")
    code = f"""
import resource; from pathlib import Path
from popscore.photos.rewriting import rewrite
from popscore.errors import ExportFailed
resource.setrlimit(resource.RLIMIT_FSIZE, (4096,) * 2)
try:
    rewrite({str(cat)!r}, Path("out.jpg"), lambda image: image, replace=True)
except ExportFailed as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert "out.jpg was not written: File too large. Check the disk" in done.stdout, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == ({"out.jpg"} if existing else set())
    assert not existing or (tmp_path / "out.jpg").read_bytes() == b"before"
