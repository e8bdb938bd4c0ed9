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
    from popscore.posts import Constraints, PairSet, Posts, make_pairs, read_pairs, read_posts, write_pairs
    from popscore.video import FramePoint, RankedFrame, VideoLimits, VideoRanking, frame_images, rank_video

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Comparison",
    "Constraints",
    "FailedPhoto",
    "FramePoint",
    "ImageTooLarge",
    "InvalidSetting",
    "ModelRefused",
    "ModelUnavailable",
    "NamedPhoto",
    "NothingToRank",
    "PairSet",
    "PopscoreError",
    "Posts",
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
    "compare_images",
    "frame_images",
    "load_scorer",
    "make_pairs",
    "rank",
    "rank_images",
    "rank_video",
    "read_pairs",
    "read_posts",
    "win_probability",
    "write_pairs",
]

_POSTS_NAMES = {"Constraints", "PairSet", "Posts", "make_pairs", "read_pairs", "read_posts", "write_pairs"}
_VIDEO_NAMES = {"FramePoint", "RankedFrame", "VideoLimits", "VideoRanking", "frame_images", "rank_video"}


def __getattr__(name: str) -> object:
    """Names about videos and posts, imported when first asked for: PyAV costs 60 ms of a cold start."""
    if name in _POSTS_NAMES:
        return getattr(import_module("popscore.posts"), name)
    if name not in _VIDEO_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("popscore.video"), name)
