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
    from popscore.insight.card import Card, share_card
    from popscore.insight.edits import Edit
    from popscore.insight.facts import PhotoFacts, facts
    from popscore.insight.trials import WhatIf, what_if
    from popscore.video import FramePoint, RankedFrame, VideoLimits, VideoRanking, frame_images, rank_video

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Card",
    "Comparison",
    "Edit",
    "FailedPhoto",
    "FramePoint",
    "ImageTooLarge",
    "InvalidSetting",
    "ModelRefused",
    "ModelUnavailable",
    "NamedPhoto",
    "NothingToRank",
    "PhotoFacts",
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
    "WhatIf",
    "compare_images",
    "facts",
    "frame_images",
    "load_scorer",
    "rank",
    "rank_images",
    "rank_video",
    "share_card",
    "what_if",
    "win_probability",
]

_VIDEO_NAMES = {"FramePoint", "RankedFrame", "VideoLimits", "VideoRanking", "frame_images", "rank_video"}
_LATER = {
    **dict.fromkeys(_VIDEO_NAMES, "popscore.video"),
    "Card": "popscore.insight.card",
    "share_card": "popscore.insight.card",
    "Edit": "popscore.insight.edits",
    "PhotoFacts": "popscore.insight.facts",
    "facts": "popscore.insight.facts",
    "WhatIf": "popscore.insight.trials",
    "what_if": "popscore.insight.trials",
}


def __getattr__(name: str) -> object:
    """Names that few need, imported when first asked for: PyAV alone costs 60 ms of a cold start."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
