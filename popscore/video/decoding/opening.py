"""Opens a video: looks what it is, and leaves the rest to those who decode it."""

import os

from popscore.errors import UnreadableVideo, VideoTooLarge
from popscore.files.kinds import HEAD_BYTES, photo_kind
from popscore.files.opening import VIDEO, opened
from popscore.settings import BYTES_PER_MB
from popscore.video.decoding.animations import AnimationFile
from popscore.video.decoding.containers import check_container
from popscore.video.decoding.files import VideoFile
from popscore.video.decoding.refusals import refusals
from popscore.video.decoding.video import READABLE_VIDEOS, Stop, Video, VideoLimits


def open_video(path: str | os.PathLike[str], *, name: str, limits: VideoLimits, stop: Stop) -> Video:
    """Open a video and read its timeline, without decoding it.

    Args:
        path: of the file.
        name: what to call it in messages.
        limits: bytes and frames to accept.
        stop: asked often; once it answers True, the timeline ends there.

    Raises:
        UnreadableVideo: missing, empty, damaged, encrypted, without a video stream or without frames.
        VideoTooLarge: more bytes than the limits allow, or too many pixels per frame.
    """
    head = _checked_head(path, name, limits)
    with refusals(name):
        if _is_animation(head):
            return AnimationFile(path, name=name, limits=limits)
        if photo_kind(head) is not None and head[8:12] != b"avis":
            raise UnreadableVideo(
                f"{name} is a photo, not a video. Score it as a photo, or choose a {READABLE_VIDEOS} file."
            )
        return VideoFile(path, name=name, limits=limits, stop=stop)


def _checked_head(path: str | os.PathLike[str], name: str, limits: VideoLimits) -> bytes:
    with opened(path, name=name, wanted=VIDEO) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        if not size_bytes:
            raise UnreadableVideo(f"{name} could not be read: it is empty (0 bytes). Choose another file.")
        if size_bytes > limits.max_bytes:
            raise VideoTooLarge(
                f"{name} is too large: {size_bytes / BYTES_PER_MB:.1f} MB, the limit is "
                f"{limits.max_bytes / BYTES_PER_MB:g} MB. Cut it shorter, or raise POPSCORE_MAX_VIDEO_MB."
            )
        head = file.read(HEAD_BYTES)
        if not _is_animation(head) and (photo_kind(head) is None or head[8:12] == b"avis"):
            check_container(file, size_bytes, name=name, limits=limits)
        return head


def _is_animation(head: bytes) -> bool:
    return head[:6] in (b"GIF87a", b"GIF89a") or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
