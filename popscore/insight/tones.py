"""Curves and colour tables of edits: what becomes of one pixel, whatever lies around it.

Black and white stay where they are, so no curve clips. At strength 0 each is the identity.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Floats = npt.NDArray[np.float32]

# Linear light up to which more exposure is nothing but that; above it highlights are held back, so that white stays
# white. 0.4 is a brightness of 170 of 255.
_KNEE = 0.4
_TABLE_SIDE = 17
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709


def to_linear(encoded: Floats) -> Floats:
    """From sRGB, 0 to 1, to linear light. Source: IEC 61966-2-1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_encoded(linear: Floats) -> Floats:
    """From linear light to sRGB, both 0 to 1."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def exposed(picture: Image.Image, stops: float) -> Image.Image:
    """As if more or less light had come in, in stops; bright parts are held back."""
    return _curved(picture, [_exposure(stops)] * 3)


def warmed(picture: Image.Image, stops: float) -> Image.Image:
    """Red up and blue down by so many stops of linear light, the brightness of greys as it was; white stays white."""
    gains = np.array([2.0**stops, 1.0, 2.0**-stops])
    kept = np.log2(gains / float(_LUMA @ gains))
    return _curved(picture, [_exposure(float(one)) for one in kept])


def contrasted(picture: Image.Image, amount: float) -> Image.Image:
    """An S-shaped curve in encoded values whose slope in the middle is 1 + amount; |amount| up to .5."""
    x = np.linspace(0, 1, 256, dtype=np.float32)
    return _curved(picture, [x + 2 * amount * x * (1 - x) * (2 * x - 1)] * 3)


def saturated(picture: Image.Image, amount: float) -> Image.Image:
    """Colours farther from grey of the same brightness, by up to `amount`; those that are strong already by less."""
    if amount <= 0:
        # The same for every colour: a matrix, which is quicker than the table.
        matrix = (1 + amount) * np.eye(3) - amount * _LUMA
        return picture.convert("RGB", tuple(np.c_[matrix, np.zeros(3)].ravel().tolist()))
    values = np.linspace(0, 1, _TABLE_SIDE, dtype=np.float32)
    blue, green, red = np.meshgrid(values, values, values, indexing="ij")  # red changes fastest, as Pillow wants it
    colors = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    luma = colors @ _LUMA
    strength = np.ptp(colors, axis=1)
    factor = 1 + amount * (1 - strength)
    table = luma[:, None] + (colors - luma[:, None]) * factor[:, None]
    return picture.filter(ImageFilter.Color3DLUT(_TABLE_SIDE, table.clip(0, 1).astype(np.float32).ravel()))


def grey(picture: Image.Image) -> Image.Image:
    """Black and white, in three equal channels."""
    return picture.convert("L").convert("RGB")


def _exposure(stops: float) -> Floats:
    """(256,) curve in encoded values. Less light is the exact inverse of more."""
    x = to_linear(np.linspace(0, 1, 256, dtype=np.float32))
    if stops >= 0:
        return to_encoded(_held_back(x, 2.0**stops))
    finely = np.linspace(0, 1, 4096, dtype=np.float32)
    return to_encoded(np.interp(x, _held_back(finely, 2.0**-stops), finely).astype(np.float32))


def _held_back(linear: Floats, gain: float) -> Floats:
    """gain * x up to the knee, then bent so that 1 comes to 1; the slope is the same on both sides of the knee."""
    lit = gain * linear
    slope = (gain - _KNEE) / (1 - _KNEE)
    above = (lit - _KNEE) / (gain - _KNEE)
    bent = _KNEE + (1 - _KNEE) * slope * above / (1 + (slope - 1) * above)
    return np.where(lit <= _KNEE, lit, bent).astype(np.float32)


def _curved(picture: Image.Image, curves: list[Floats]) -> Image.Image:
    table = np.rint(255 * np.concatenate(curves)).clip(0, 255).astype(int)
    return picture.point(table.tolist())
