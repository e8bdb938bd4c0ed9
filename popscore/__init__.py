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
    from popscore.batch.door import batch
    from popscore.batch.summary import BatchSummary
    from popscore.batch.top import batch_top
    from popscore.batch.top_rows import Top, TopRow
    from popscore.insight.card import Card, share_card
    from popscore.insight.crops import Crop, Crops, best_crops
    from popscore.insight.edits import Edit
    from popscore.insight.facts import PhotoFacts, facts
    from popscore.insight.maps import Contributions, ScoreMap, explain
    from popscore.insight.trials import WhatIf, what_if
    from popscore.people.find import PhotoFaces, SeenFace, find_faces
    from popscore.people.selfie import SelfieScore, score_selfie
    from popscore.personal.bank import MemoryBank
    from popscore.posts import Constraints, PairSet, Posts, make_pairs, read_pairs, read_posts, write_pairs
    from popscore.video import FramePoint, RankedFrame, VideoLimits, VideoRanking, frame_images, rank_video

__version__ = "0.1.0"

__all__ = [
    "BatchSummary",
    "Candidate",
    "Card",
    "Comparison",
    "Constraints",
    "Contributions",
    "Crop",
    "Crops",
    "Edit",
    "FailedPhoto",
    "FramePoint",
    "ImageTooLarge",
    "InvalidSetting",
    "MemoryBank",
    "ModelRefused",
    "ModelUnavailable",
    "NamedPhoto",
    "NothingToRank",
    "PairSet",
    "PhotoFaces",
    "PhotoFacts",
    "PopscoreError",
    "Posts",
    "RankedFrame",
    "RankedPhoto",
    "Ranking",
    "Report",
    "ScoreCache",
    "ScoreMap",
    "ScoredPhoto",
    "Scorer",
    "ScoringFailed",
    "SeenFace",
    "SelfieScore",
    "Settings",
    "Top",
    "TopRow",
    "UnreadableImage",
    "UnreadableVideo",
    "VideoLimits",
    "VideoRanking",
    "VideoTooLarge",
    "WhatIf",
    "batch",
    "batch_top",
    "best_crops",
    "compare_images",
    "explain",
    "facts",
    "find_faces",
    "frame_images",
    "load_scorer",
    "make_pairs",
    "rank",
    "rank_images",
    "rank_video",
    "read_pairs",
    "read_posts",
    "score_selfie",
    "share_card",
    "what_if",
    "win_probability",
    "write_pairs",
]

# Imported when first asked for: PyAV alone costs 60 ms of a cold start.
_HOMES = {
    "popscore.batch.summary": ("BatchSummary",),
    "popscore.batch.top": ("batch_top",),
    "popscore.batch.top_rows": ("Top", "TopRow"),
    "popscore.insight.card": ("Card", "share_card"),
    "popscore.insight.crops": ("Crop", "Crops", "best_crops"),
    "popscore.insight.edits": ("Edit",),
    "popscore.insight.trials": ("WhatIf", "what_if"),
    "popscore.insight.facts": ("PhotoFacts", "facts"),
    "popscore.insight.maps": ("Contributions", "ScoreMap", "explain"),
    "popscore.people.find": ("PhotoFaces", "SeenFace", "find_faces"),
    "popscore.personal.bank": ("MemoryBank",),
    "popscore.posts": ("Constraints", "PairSet", "Posts", "make_pairs", "read_pairs", "read_posts", "write_pairs"),
    "popscore.people.selfie": ("SelfieScore", "score_selfie"),
    "popscore.video": ("FramePoint", "RankedFrame", "VideoLimits", "VideoRanking", "frame_images", "rank_video"),
}


def __getattr__(name: str) -> object:
    """Names that few need."""
    if name == "batch":
        return import_module("popscore.batch")  # a room that can be called, see there
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
