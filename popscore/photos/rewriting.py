"""A photo written again in full resolution after its pixels were changed: an edit, a crop.

What is kept: all pixels, the colour profile (pixels stay in its space and are not converted), and what EXIF says
that is still true. What is not: alpha, which is flattened on white as for scoring, so that what was scored is what is
saved; more than 8 bits per colour; further frames; the brightness map of HDR photos, which fits the old pixels only.
XMP and IPTC are never written: they tell places in free text, and the history and settings of another program's
edits, which that program would apply once more.
"""

import io
import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from popscore.errors import ExportFailed
from popscore.files.atomic import check_target, failure, replacing
from popscore.files.kinds import HEAD_BYTES, Kind, photo_kind
from popscore.files.opening import head_of
from popscore.foreign_text import shortened
from popscore.photos.containers import walked
from popscore.photos.decode import read_photo
from popscore.photos.exif_entries import Exif, for_changed_pixels, read_exif
from popscore.photos.profiles import color_profile, fitting_profile
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource, named, read_bytes, unread_bytes

Change = Callable[[Image.Image], Image.Image]

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
_LOSSLESS: set[Kind] = {"png", "gif", "bmp", "tiff"}
# libjpeg's own limit; a picture that fits into popscore's of 65,535 may still be too long for a JPEG.
_MAX_JPEG_SIDE = 65_500
# What editors call best. Colour is kept at full resolution: halved, as cameras mostly do, each further saving would
# soften the edges between colours once more.
_JPEG = {"quality": 95, "subsampling": 0}
_EXIF_HEADER = b"Exif\0\0"


def rewrite(
    photo: PhotoSource | NamedPhoto,
    out: Path,
    change: Change,
    *,
    keep_location: bool = False,
    limits: ImageLimits | None = None,
    replace: bool = False,
) -> Path:
    """Decode a photo in full, change its pixels, and write it to a file of its own.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name.
        out: the file to write; `.jpg`, `.jpeg` or `.png` say which kind. `fitting_suffix` names the better one.
        change: from upright RGB pixels of the whole photo to RGB pixels of any size.
        keep_location: write where the photo was taken, if its EXIF says; also the maker note, which may say it.
        limits: bytes and pixels to accept.
        replace: another photo may be replaced, where the name is one that only popscore gives. Never the photo itself.

    Returns:
        `out`.

    Raises:
        UnreadableImage, ImageTooLarge: the photo cannot be read.
        ExportFailed: the file was not written; what was there before is still there.
        ValueError: `change` gave pixels that are not RGB, or none.
    """
    photo = named(photo)
    kind = _format_of(out)
    _refuse_itself(photo, out)
    check_target(out, photos=replace)
    limits = limits or ImageLimits()
    known = _with_bytes(photo, limits)
    pixels = change(read_photo(known, limits=limits).pixels)
    if pixels.mode != "RGB" or not all(pixels.size):
        raise ValueError(f"the change gave pixels of mode {pixels.mode} and size {pixels.size}, not RGB")
    exif, profile = _said_besides(known)
    kept = for_changed_pixels(exif, size=pixels.size, keep_location=keep_location) if exif else None
    packed = _packed(pixels, kind, kept, profile, shortened(out.name))
    with replacing(out, photos=replace) as file:
        file.write(packed)
    return out


def fitting_suffix(photo: PhotoSource | NamedPhoto) -> str:
    """`.png` for a photo of a kind that loses nothing, where `.jpg` would; `.jpg` for all others."""
    source = named(photo).source
    try:
        if isinstance(source, (str, os.PathLike)):
            head = head_of(source, HEAD_BYTES)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            head = bytes(memoryview(source).cast("B")[:HEAD_BYTES])
        else:
            return ".jpg"
    except (OSError, ValueError):
        return ".jpg"  # reading it will tell
    return ".png" if photo_kind(head) in _LOSSLESS else ".jpg"


def _format_of(out: Path) -> str:
    try:
        return _FORMATS[out.suffix.lower()]
    except KeyError:
        raise ExportFailed(
            f"{shortened(out.name)} was not written: photos are saved as JPEG or PNG. Name a .jpg or a .png file."
        ) from None


def _refuse_itself(photo: NamedPhoto, out: Path) -> None:
    found: object = photo.source
    if not isinstance(found, (str, os.PathLike)):
        found = getattr(found, "filename", None) or getattr(found, "name", None)
    try:
        same = isinstance(found, (str, os.PathLike)) and Path(found).samefile(out)
    except (OSError, ValueError):
        return  # one of them is not there
    if same:
        raise ExportFailed(f"{shortened(out.name)} was not written: it is the photo itself. Name another file.")


def _with_bytes(photo: NamedPhoto, limits: ImageLimits) -> NamedPhoto:
    """The photo as the bytes of its file, read once; a PIL image without a file stays one."""
    source, name = photo.source, photo.short_name
    if isinstance(source, Image.Image):
        content = unread_bytes(source, name, limits.max_bytes)
        return photo if content is None else NamedPhoto(content, photo.name)
    return NamedPhoto(read_bytes(source, name, limits.max_bytes), photo.name)


def _said_besides(photo: NamedPhoto) -> tuple[Exif | None, bytes | None]:
    """EXIF and the colour profile of a photo that could be decoded."""
    source = photo.source
    if isinstance(source, Image.Image):
        exif = source.info.get("exif")
        exif = exif.removeprefix(_EXIF_HEADER) if isinstance(exif, bytes) else None
        return read_exif(exif), fitting_profile(source.info.get("icc_profile"))
    if not isinstance(source, bytes) or (kind := photo_kind(source)) is None:
        return None, None
    return read_exif(walked(source, kind).exif), color_profile(source, kind)


def _packed(pixels: Image.Image, kind: str, exif: Exif | None, profile: bytes | None, name: str) -> bytes:
    if kind == "JPEG" and max(pixels.size) > _MAX_JPEG_SIDE:
        raise ExportFailed(
            f"{name} was not written: a JPEG holds {_MAX_JPEG_SIDE} pixels a side at most. Name a .png file."
        )
    options = dict[str, object](_JPEG if kind == "JPEG" else {})
    if exif:
        options["exif"] = _EXIF_HEADER + exif.to_bytes()
    pixels.info = {}  # only what is said here is written, and not what Pillow remembers of the file that was read
    packed = io.BytesIO()
    try:
        pixels.save(packed, kind, icc_profile=profile, **options)
    except OSError as error:
        raise failure(name, error) from error
    return packed.getvalue()
