"""What decoders throw at damaged videos becomes one error of that video, here and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

from popscore.errors import PopscoreError, UnreadableVideo


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Whatever is thrown inside is an error of this file: decoders' errors share no base class, and new ones turn up.

    Args:
        name: what to call the video in messages.

    Raises:
        UnreadableVideo: in place of any error that is not popscore's own.
    """
    try:
        yield
    except PopscoreError:
        raise
    except MemoryError:
        raise UnreadableVideo(
            f"{name} could not be read: its frames need more memory than there is. Save it smaller."
        ) from None
    except Exception as error:
        raise UnreadableVideo(
            f"{name} could not be read: the file is damaged, or of a rare kind. Copy it again, or convert it to MP4."
        ) from error
