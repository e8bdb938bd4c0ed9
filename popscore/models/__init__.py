"""What can score: model records, the Hub, sessions and the embedded model."""

from popscore.models.loader import LoadedModel, load_model
from popscore.models.spec import Json, ModelInfo, ModelSpec

__all__ = ["Json", "LoadedModel", "ModelInfo", "ModelSpec", "load_model"]
