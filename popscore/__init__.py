"""popscore: which of these pictures will people like most?

import popscore

scorer = popscore.load_scorer()
print(scorer.score("photo.jpg").label)
"""

from popscore.errors import (
    ImageTooLarge,
    InvalidSetting,
    ModelRefused,
    ModelUnavailable,
    PopscoreError,
    ScoringFailed,
    UnreadableImage,
)
from popscore.results import FailedPhoto, Report, ScoredPhoto
from popscore.scale import win_probability
from popscore.scoring import Scorer, load_scorer
from popscore.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "FailedPhoto",
    "ImageTooLarge",
    "InvalidSetting",
    "ModelRefused",
    "ModelUnavailable",
    "PopscoreError",
    "Report",
    "ScoredPhoto",
    "Scorer",
    "ScoringFailed",
    "Settings",
    "UnreadableImage",
    "load_scorer",
    "win_probability",
]
