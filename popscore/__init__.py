"""popscore: which of these pictures will people like most?

import popscore

scorer = popscore.load_scorer()
print(scorer.score("photo.jpg").label)
print(popscore.rank_images(["a.jpg", "b.jpg"], scorer=scorer).best.file)
print(popscore.rank_video("clip.mp4", scorer=scorer).best.time_s)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from popscore.errors import (
    ImageTooLarge,
    InvalidSetting,
    ModelRefused,
    ModelUnavailable,
    NothingToRank,
    PopscoreError,
    ScoringFailed,
    UnreadableImage,
    UnreadableVideo,
    VideoTooLarge,
)
from popscore.gallery.comparison import Comparison, compare_images
from popscore.gallery.ranking import rank, rank_images
from popscore.photos.sources import NamedPhoto
from popscore.results import FailedPhoto, RankedPhoto, Ranking, Report, ScoredPhoto
from popscore.scale import win_probability
from popscore.scoring.scorer import Candidate, ScoreCache, Scorer, load_scorer
from popscore.settings import Settings

if TYPE_CHECKING:
    from popscore.insight.crops import Crop, Crops, best_crops
    from popscore.video import FramePoint, RankedFrame, VideoLimits, VideoRanking, frame_images, rank_video

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Comparison",
    "Crop",
    "Crops",
    "FailedPhoto",
    "FramePoint",
    "ImageTooLarge",
    "InvalidSetting",
    "ModelRefused",
    "ModelUnavailable",
    "NamedPhoto",
    "NothingToRank",
    "PopscoreError",
    "RankedFrame",
    "RankedPhoto",
    "Ranking",
    "Report",
    "ScoreCache",
    "ScoredPhoto",
    "Scorer",
    "ScoringFailed",
    "Settings",
    "UnreadableImage",
    "UnreadableVideo",
    "VideoLimits",
    "VideoRanking",
    "VideoTooLarge",
    "best_crops",
    "compare_images",
    "frame_images",
    "load_scorer",
    "rank",
    "rank_images",
    "rank_video",
    "win_probability",
]

_VIDEO_NAMES = {"FramePoint", "RankedFrame", "VideoLimits", "VideoRanking", "frame_images", "rank_video"}
_LAZY_NAMES = {
    **dict.fromkeys(_VIDEO_NAMES, "popscore.video"),
    **dict.fromkeys(("Crop", "Crops", "best_crops"), "popscore.insight.crops"),
}


def __getattr__(name: str) -> object:
    """Names imported when first asked for: PyAV alone costs 60 ms of a cold start."""
    if name not in _LAZY_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY_NAMES[name]), name)
