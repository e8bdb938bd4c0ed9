"""popscore: which of these pictures will people like most?

import popscore

scorer = popscore.load_scorer()
print(scorer.score("photo.jpg").label)
print(popscore.rank_images(["a.jpg", "b.jpg"], scorer=scorer).best.file)
"""

from popscore.errors import (
    ImageTooLarge,
    InvalidSetting,
    ModelRefused,
    ModelUnavailable,
    NothingToRank,
    PopscoreError,
    ScoringFailed,
    UnreadableImage,
)
from popscore.ranking import rank, rank_images
from popscore.results import FailedPhoto, RankedPhoto, Ranking, Report, ScoredPhoto
from popscore.scale import win_probability
from popscore.scoring import Candidate, ScoreCache, Scorer, load_scorer
from popscore.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "FailedPhoto",
    "ImageTooLarge",
    "InvalidSetting",
    "ModelRefused",
    "ModelUnavailable",
    "NothingToRank",
    "PopscoreError",
    "RankedPhoto",
    "Ranking",
    "Report",
    "ScoreCache",
    "ScoredPhoto",
    "Scorer",
    "ScoringFailed",
    "Settings",
    "UnreadableImage",
    "load_scorer",
    "rank",
    "rank_images",
    "win_probability",
]
