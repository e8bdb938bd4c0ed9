"""A decoded frame, and how it becomes an upright RGB picture: size, shape, colour, fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, cast

import av
import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from PIL import Image

from popscore.video.decoding.refusals import refusals

Size = tuple[int, int]
# 8K is 33 megapixels; a decoder holds up to 17 frames of 1.5 bytes per pixel.
MAX_FRAME_PIXELS = 36_000_000

# Standard definition is BT.601, everything larger BT.709, where the file does not say. Source: what players do
# since BT.709 was made for HDTV of 720 lines and more.
_SD_WIDTH, _SD_HEIGHT = 1024, 576
_UNSPECIFIED_COLORSPACE = 2  # AVCOL_SPC_UNSPECIFIED
_HDR = {ColorTrc.SMPTE2084.value, ColorTrc.ARIB_STD_B67.value}
_WIDE = {ColorPrimaries.BT2020.value, ColorPrimaries.SMPTE431.value, ColorPrimaries.SMPTE432.value}
_REDUCE = Interpolation.AREA | Interpolation.ACCURATE_RND
_KEEP = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_MAX_SIDE = 16_384
_ANY_RATE = Fraction(1, 25)  # a filter wants one, even for a single frame


class Frame(Protocol):
    """A frame of a video."""

    @property
    def index(self) -> int:
        """Place in display order, from 0."""

    @property
    def time_s(self) -> float:
        """When it is shown, in seconds from the beginning of the video."""

    @property
    def width(self) -> int:
        """Of the upright picture, in square pixels."""

    @property
    def height(self) -> int:
        """Of the upright picture, in square pixels."""

    @property
    def damaged(self) -> bool:
        """It, or a frame that it was made from, could not be decoded in full."""

    @property
    def high_dynamic_range(self) -> bool:
        """Its brightness is coded as PQ or HLG."""

    def image(self, at_least: Size | None = None) -> Image.Image:
        """The picture, upright, mode RGB.

        Args:
            at_least: (width, height) that is enough; the picture is then made as small as both allow.
                None makes it in full.

        Raises:
            UnreadableVideo: no picture can be made of it.
        """


def reduced_size(full: Size, at_least: Size | None) -> Size:
    """The smallest size of the same shape with both sides at least this long; never larger than `full`."""
    if at_least is None:
        return full
    scale = max(at_least[0] / full[0], at_least[1] / full[1])
    return full if scale >= 1 else (round(full[0] * scale), round(full[1] * scale))


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A frame as PyAV decoded it; see `Frame`. The picture is made when it is asked for."""

    index: int
    time_s: float
    damaged: bool
    decoded: VideoFrame
    sample_aspect: float
    turn: Image.Transpose | None
    reformatter: VideoReformatter
    name: str = "the video"

    @property
    def width(self) -> int:
        """Of the upright picture, in square pixels."""
        return self._upright_size()[0]

    @property
    def height(self) -> int:
        """Of the upright picture, in square pixels."""
        return self._upright_size()[1]

    @property
    def high_dynamic_range(self) -> bool:
        """The brightness is coded as PQ or HLG."""
        return int(self.decoded.color_trc) in _HDR

    def image(self, at_least: Size | None = None) -> Image.Image:
        """The picture, see `Frame.image`."""
        turn = self.turn
        if at_least is not None and turn in _SIDEWAYS:
            at_least = at_least[1], at_least[0]
        with refusals(self.name):
            picture = self._rgb(reduced_size(self._square_size(), at_least))
            return picture if turn is None else picture.transpose(turn)

    def _upright_size(self) -> Size:
        width, height = self._square_size()
        return (height, width) if self.turn in _SIDEWAYS else (width, height)

    def _square_size(self) -> Size:
        """Size with square pixels, not turned. The longer way of a pixel is stretched, within limits."""
        width, height, aspect = self.decoded.width, self.decoded.height, self.sample_aspect
        if aspect >= 1:
            width = min(round(width * aspect), _MAX_SIDE, max(width, MAX_FRAME_PIXELS // height))
        else:
            height = min(round(height / aspect), _MAX_SIDE, max(height, MAX_FRAME_PIXELS // width))
        return width, height

    def _rgb(self, size: Size) -> Image.Image:
        decoded = without_fields(self.decoded) if self.decoded.interlaced_frame else self.decoded
        colorspace = decoded.colorspace
        if colorspace == _UNSPECIFIED_COLORSPACE:
            large = decoded.width > _SD_WIDTH or decoded.height > _SD_HEIGHT
            colorspace = Colorspace.ITU709 if large else Colorspace.ITU601
        wide = self.high_dynamic_range or int(decoded.color_primaries) in _WIDE
        picture = self.reformatter.reformat(
            decoded,
            *size,
            "rgb24",
            src_colorspace=int(colorspace),
            dst_color_range=ColorRange.JPEG,
            dst_color_trc=ColorTrc.IEC61966_2_1 if self.high_dynamic_range else None,
            dst_color_primaries=ColorPrimaries.BT709 if wide else None,
            interpolation=_REDUCE if size[0] * size[1] < decoded.width * decoded.height else _KEEP,
            threads=1,
        )
        plane = picture.planes[0]
        return Image.frombuffer("RGB", size, bytes(plane), "raw", "RGB", plane.line_size, 1)


_SIDEWAYS = {
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
}
# Signs of the display matrix [a b; c d] -> what turns the picture upright: a point (x, y) is shown at
# (a x + c y, b x + d y), y pointing down. Source: ISO/IEC 14496-12, 6.2.2, and libavutil/display.h.
_TURNS = {
    (1, 0, 0, 1): None,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}


def turn_of_frame(frame: VideoFrame) -> Image.Transpose | None:
    """What turns the picture of a decoded frame upright.

    Ask for one frame of a video only: PyAV ties a frame to its side data in a circle, so that its 3 MB stay until
    Python collects garbage, and memory grows with the length of the video.
    """
    side_data = cast(Mapping[SideDataType, Buffer], frame.side_data)
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    return None if matrix is None else turn_of(bytes(matrix))


def turn_of(display_matrix: bytes) -> Image.Transpose | None:
    """What turns a picture upright, to the nearest quarter turn.

    Args:
        display_matrix: nine 32-bit integers in the machine's byte order, as FFmpeg gives them.
    """
    if len(display_matrix) < 36:
        return None
    a, b, _, c, d = (int(value) for value in np.frombuffer(display_matrix, np.int32, 5))
    if abs(a) >= abs(b):
        b = c = 0
    else:
        a = d = 0
    return _TURNS.get((_sign(a), _sign(b), _sign(c), _sign(d)))


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def without_fields(frame: VideoFrame) -> VideoFrame:
    """The frame with one of its two fields, the other one interpolated along edges.

    The two fields of an interlaced frame are taken 1/50 or 1/60 of a second apart: shown as one picture,
    everything that moves has teeth.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_ANY_RATE)
    graph.link_nodes(source, graph.add("estdif", "mode=frame:deint=all"), graph.add("buffersink")).configure()
    graph.push(frame)
    graph.push(None)
    found = graph.pull()
    return found if isinstance(found, VideoFrame) else frame
