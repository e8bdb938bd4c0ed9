"""What ranking the frames of a video answers with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from popscore.errors import NothingToRank
from popscore.models.spec import Json, ModelInfo
from popscore.results import FailedPhoto, ScoredPhoto


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedFrame(ScoredPhoto):
    """A frame among the best of its video; `file` is the video.

    Attributes:
        frame_index: place in display order, from 0.
        time_s: when it is shown, in seconds from the beginning of the video.
        image: the JPEG that was written, None if none was.
    """

    frame_index: int
    time_s: float
    image: Path | None = None

    def to_json(self) -> Json:
        """The result object of every door that gives frames."""
        # Not super(): a class with slots is made twice, and super() knows the first one.
        document = ScoredPhoto.to_json(self)
        warning = document.pop("warning")
        return {
            **document,
            "frame_index": self.frame_index,
            "time_s": round(self.time_s, 3),
            "image": None if self.image is None else str(self.image),
            "warning": warning,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class FramePoint:
    """A frame that was scored, as a point of the timeline.

    Attributes:
        frame_index, time_s: as in `RankedFrame`.
        score: the model's output.
        fault: why it cannot be among the best: "almost black", "almost white", "one colour", "blurred" or
            "damaged"; None if it can.
    """

    frame_index: int
    time_s: float
    score: float
    fault: str | None = None

    def to_json(self) -> Json:
        """The point as an object."""
        return {
            "frame_index": self.frame_index,
            "time_s": round(self.time_s, 3),
            "score": round(self.score, 4),
            "fault": self.fault,
        }


@dataclass(frozen=True, kw_only=True)
class VideoRanking:
    """The best frames of a video.

    Attributes:
        model: that scored them.
        file: what the video was called by whoever gave it.
        results: different moments, best first.
        points: all frames that were scored, in order of time.
        errors: what failed while the rest is there: a damaged part, a frame, a JPEG.
        notices: what is worth knowing, and no failure.
        frame_count: frames of the video.
        duration_s: of the video, as found, not as its header says.
        contact_sheet: a JPEG with all results, None if none was written.
        stopped: the caller stopped the work, and frames were left out.
    """

    model: ModelInfo
    file: str
    results: Sequence[RankedFrame]
    points: Sequence[FramePoint]
    errors: Sequence[FailedPhoto]
    notices: Sequence[str]
    frame_count: int
    duration_s: float
    contact_sheet: Path | None = None
    stopped: bool = False

    @property
    def best(self) -> RankedFrame:
        """The first result.

        Raises:
            NothingToRank: no frame is good enough.
        """
        if self.results:
            return self.results[0]
        reason = self.notices[0] if self.notices else "No frame could be scored."
        raise NothingToRank(f"{self.file} has no best frame. {reason}")

    def to_json(self) -> Json:
        """The document of every door that gives frames. The points of the timeline are not in it."""
        return {
            "model": self.model.to_json(),
            "results": [result.to_json() for result in self.results],
            "errors": [error.to_json() for error in self.errors],
            "notices": list(self.notices),
            "frame_count": self.frame_count,
            "duration_s": round(self.duration_s, 3),
            "frames_scored": len(self.points),
            "contact_sheet": None if self.contact_sheet is None else str(self.contact_sheet),
        }
