"""Crops as files: in full resolution, upright, with the colour profile and without the place."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from popscore.errors import PopscoreError
from popscore.files.atomic import make_folder
from popscore.foreign_text import file_stem
from popscore.insight.crops import Crop, Crops, checked_box
from popscore.photos.rewriting import fitting_suffix, rewrite
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource, named
from popscore.results import FailedPhoto


def save_crop(
    photo: PhotoSource | NamedPhoto,
    box: Sequence[Any],
    out: Path,
    *,
    keep_location: bool = False,
    limits: ImageLimits | None = None,
    replace: bool = False,
) -> Path:
    """Write a part of a photo in full resolution: upright, colour profile and EXIF kept, the place left out.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name.
        box: left, top, right, bottom in pixels of the whole upright photo.
        out: the file to write, `.jpg` or `.png`; see `crop_name`.
        keep_location: write where the photo was taken too, if its EXIF says.
        limits: bytes and pixels to accept.
        replace: another photo may be replaced, but never the photo itself.

    Raises:
        CropRefused: the box does not lie in the photo.
        UnreadableImage, ImageTooLarge: the photo cannot be read.
        ExportFailed: the file was not written; what was there before is still there.
    """

    def cut(pixels: Image.Image) -> Image.Image:
        return pixels.crop(checked_box(box, pixels.size))

    return rewrite(photo, out, cut, keep_location=keep_location, limits=limits, replace=replace)


def save_crops(
    photo: PhotoSource | NamedPhoto,
    crops: Crops,
    folder: Path,
    *,
    keep_location: bool = False,
    limits: ImageLimits | None = None,
) -> Crops:
    """Write all crops of a photo to a folder, each under a name of its own.

    Args:
        photo: as for `save_crop`, but no file object that was read: it is read again.
        crops: as `best_crops` gives them.
        folder: made if it is not there. Crops of an earlier call are replaced.
        keep_location, limits: as for `save_crop`.

    Returns:
        The crops with the files that hold them. One that could not be written has none, and an error beside it.

    Raises:
        ExportFailed: there is no such folder, and it cannot be made.
    """
    make_folder(folder)
    photo = named(photo)
    results: list[Crop] = []
    errors = list(crops.errors)
    for crop in crops.results:
        out = folder / crop_name(photo, crop.aspect)
        try:
            save_crop(photo, crop.box, out, keep_location=keep_location, limits=limits, replace=True)
            results.append(replace(crop, image=str(out)))
        except PopscoreError as error:
            results.append(crop)
            errors.append(FailedPhoto(file=crop.file, error=error))
    return replace(crops, results=results, errors=errors)


def crop_name(photo: PhotoSource | NamedPhoto, aspect: str) -> str:
    """The file name of a crop: photo and shape, as in `beach_crop_4x5.jpg`; `.png` where the photo lost nothing yet."""
    photo = named(photo)
    return f"{file_stem(photo.name)}_crop_{aspect.replace(':', 'x')}{fitting_suffix(photo)}"
