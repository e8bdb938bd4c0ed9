"""The errors that popscore raises on purpose.

Each one is also the standard error it resembles, so callers may catch either. A message names the
thing, the reason and the next step, in words that can be shown to a user as they are.
"""


class PopscoreError(Exception):
    """Something outside popscore is not as it must be: a photo, a model or a setting."""


class InvalidSetting(PopscoreError, ValueError):
    """An environment variable or option holds a value that cannot be used."""


class ModelUnavailable(PopscoreError, OSError):
    """The model file could not be had: no network, no such repository, no such file."""


class ModelRefused(PopscoreError, ValueError):
    """The model file is there, but it is not the one asked for or not an image scorer."""


class UnreadableImage(PopscoreError, ValueError):
    """The photo is missing, empty, damaged or not an image."""


class ImageTooLarge(PopscoreError, ValueError):
    """The photo has more bytes or pixels than the limits allow."""


class UnreadableVideo(PopscoreError, ValueError):
    """The video is missing, empty, damaged, encrypted, or not a video."""


class VideoTooLarge(PopscoreError, ValueError):
    """The video has more bytes, or more pixels per frame, than the limits allow."""


class ScoringFailed(PopscoreError, RuntimeError):
    """The model gave no usable score for a photo."""


class TooBusy(PopscoreError, RuntimeError):
    """More was asked for at one time than can wait."""


class NothingToRank(PopscoreError, LookupError):
    """No photo has a score, so none of them is the best."""


class CropRefused(PopscoreError, ValueError):
    """A crop does not lie in its photo, or the photo is too small for a crop of that shape."""


class NoPhotosFound(PopscoreError, FileNotFoundError):
    """A folder without photos, or a pattern that matches nothing."""


class ExportFailed(PopscoreError, OSError):
    """A CSV, a ZIP or a side-car could not be written; what was there before is still there."""


class BankRefused(PopscoreError, ValueError):
    """A memory bank is damaged, is none, comes from a newer popscore, or belongs to another model."""


class PublishFailed(PopscoreError, OSError):
    """A model did not get to the Hub; the message says what is there now."""
