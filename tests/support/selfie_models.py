"""Tiny models of the kind selfie."""

from onnx_files import tiny

SELFIE_METADATA = {
    "popscore.name": "tiny selfie model",
    "popscore.kind": "selfie",
    "popscore.input_size": "[32, 32]",
    "popscore.resize": "short_side_crop",
    "popscore.reference_mean": "0",
    "popscore.reference_std": "1",
    "popscore.reference_population": "selfies of a test",
}


def selfie_model(**more: str) -> bytes:
    """A selfie model whose log odds are 4 times the mean brightness, less what its metadata say about the mean."""
    metadata = {**SELFIE_METADATA, **{f"popscore.{name}": value for name, value in more.items()}}
    return tiny(size=(32, 32), metadata=metadata)
