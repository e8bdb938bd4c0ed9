"""A small set of edits of a photo, each a pure function of its pixels, at strengths that nobody would call overdone.

Where the limits come from. Curves keep black and white where they are, so that none clips. At its limit an edit moves
the colours of a photo by a mean CIE76 difference (delta E) of 1 (sharpening) to 10 (light) in the median of 200 photos
of OASIS, and by no more than 13 in 95 of 100; black and white by 14 (tests/benchmarks/what_if.py). For comparison: 2.3
is just noticeable (Mahy, Van Eycken & Oosterlinck 1994). What people reject in a rendition is too bright, too dark or
too flat (Jaroensri, Paris, Hertzmann et al. 2015): so light and contrast go a little up and down. On top of that each
photo guards itself, see `is_overdone`.

The look does not depend on the size: tables do not know it, and the radius of sharpening goes with it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from PIL import Image, ImageFilter

from popscore.errors import InvalidSetting
from popscore.insight import tones
from popscore.insight.tilt import MAX_TILT_DEGREES, turned
from popscore.photos.rewriting import rewrite
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource

EditName = Literal["exposure", "contrast", "saturation", "warmth", "straighten", "sharpen", "black_and_white"]
EDITS: tuple[EditName, ...] = get_args(EditName)

LIMITS: dict[EditName, tuple[float, float]] = {
    "exposure": (-0.7, 0.7),
    "contrast": (-0.35, 0.35),
    "saturation": (-0.4, 0.5),
    "warmth": (-0.3, 0.3),
    "straighten": (-MAX_TILT_DEGREES, MAX_TILT_DEGREES),
    "sharpen": (0.0, 1.0),
    "black_and_white": (0.0, 1.0),
}
"""Weakest and strongest of each: exposure and warmth in stops, contrast as slope of the curve above 1, saturation as
share, straighten in degrees counter-clockwise, sharpen as share of the detail that is added once more."""

STRENGTHS: dict[EditName, tuple[float, ...]] = {
    "exposure": (-0.7, -0.35, 0.35, 0.7),
    "contrast": (-0.35, -0.175, 0.175, 0.35),
    "saturation": (-0.4, -0.2, 0.25, 0.5),
    "warmth": (-0.3, -0.15, 0.15, 0.3),
    "sharpen": (0.5, 1.0),
    "black_and_white": (1.0,),
}
"""What is tried on each photo; straightening where it hangs to one side."""

# Sharpening reaches a 1000th of the longer side, as a photo of 12 megapixels is sharpened for a screen.
_REACH = 1000
# Share of the pixels that an edit may drive to black or white in a colour beyond those that were there before.
_MOST_CLIPPED = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """An edit at one strength.

    Attributes:
        name: which edit.
        strength: in the unit of its `LIMITS`; 0 leaves the photo as it is.
    """

    name: EditName
    strength: float

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in LIMITS:
            raise InvalidSetting(f"There is no edit {str(self.name)[:40]!r}. Choose one of {', '.join(EDITS)}.")
        least, most = LIMITS[self.name]
        if isinstance(self.strength, bool) or not isinstance(self.strength, (int, float)):
            raise InvalidSetting(f"The strength of {self.name} must be a number from {least:g} to {most:g}.")
        if not least <= self.strength <= most:
            raise InvalidSetting(
                f"{self.name} by {self.strength:g} would be overdone. Choose a strength from {least:g} to {most:g}."
            )

    @property
    def words(self) -> str:
        """What follows a gain: `with a little more light`."""
        if self.name == "straighten":
            return f"turned level by {abs(self.strength):.1f}°"
        if self.name == "black_and_white":
            return "in black and white" if self.strength == 1 else "with half of its colours"
        more, less, most = _WORDS[self.name]
        little = "a little " if abs(self.strength) < 0.75 * most else ""
        return f"with {little}{more if self.strength >= 0 else less}"


_WORDS: dict[EditName, tuple[str, str, float]] = {
    "exposure": ("more light", "less light", 0.7),
    "contrast": ("more contrast", "less contrast", 0.35),
    "saturation": ("stronger colours", "paler colours", 0.45),
    "warmth": ("warmer colours", "cooler colours", 0.3),
    "sharpen": ("more sharpness", "", 1.0),
}


def apply(picture: Image.Image, edit: Edit) -> Image.Image:
    """The picture with an edit; the one given is left as it is.

    Args:
        picture: upright, mode RGB, any size. Its values are taken as sRGB.
        edit: which, and how strong.

    Returns:
        Mode RGB, the same size; straightened it is smaller.

    Raises:
        ValueError: the picture is not RGB.
    """
    if picture.mode != "RGB":
        raise ValueError(f"the picture must be RGB, not {picture.mode}")
    strength = float(edit.strength)
    if strength == 0:
        return picture.copy()
    match edit.name:
        case "exposure":
            return tones.exposed(picture, strength)
        case "contrast":
            return tones.contrasted(picture, strength)
        case "saturation":
            return tones.saturated(picture, strength)
        case "warmth":
            return tones.warmed(picture, strength)
        case "straighten":
            return turned(picture, strength)
        case "sharpen":
            return _sharpened(picture, strength)
        case "black_and_white":
            return Image.blend(picture, tones.grey(picture), strength)


def is_overdone(after: Image.Image, clipped_before: float) -> bool:
    """Whether more than 2 % of the pixels became fully black or fully white in one of the colours.

    Such an edit is not tried on this photo, however much the model might like it. Of 200 photos that concerned 17 with
    more light, 54 with more contrast, 29 with stronger colours and 93 with more sharpness, each at its limit.

    Args:
        after: the photo with the edit.
        clipped_before: share of the photo without it, see `clipped`.
    """
    return clipped(after) - clipped_before > _MOST_CLIPPED


def clipped(picture: Image.Image) -> float:
    """Share of the pixels that are fully black or fully white, of the colour that has most of them."""
    counts = picture.histogram()
    ends = (counts[start] + counts[start + 255] for start in (0, 256, 512))
    return max(ends) / (picture.width * picture.height)


def save_edit(
    photo: PhotoSource | NamedPhoto,
    edit: Edit,
    out: Path,
    *,
    keep_location: bool = False,
    limits: ImageLimits | None = None,
    replace: bool = False,
) -> Path:
    """Write the photo with an edit at its full resolution. Arguments and errors as `rewrite`."""
    return rewrite(
        photo,
        out,
        lambda pixels: apply(pixels, edit),
        keep_location=keep_location,
        limits=limits,
        replace=replace,
    )


def _sharpened(picture: Image.Image, strength: float) -> Image.Image:
    """The picture and once more what a blur takes away from it: an unsharp mask."""
    radius = max(picture.size) / _REACH
    blurred = picture.filter(ImageFilter.BoxBlur(radius))  # a round blur looks the same here, at twice the time
    return Image.blend(blurred, picture, 1 + strength)
