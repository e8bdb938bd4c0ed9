"""From weights or a bare ONNX file to a model file that says what it is. Nothing is written before it is checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from popscore.errors import ModelRefused, ScoringFailed
from popscore.files.atomic import check_target, replacing
from popscore.files.opening import NotRegular, limited_bytes
from popscore.foreign_text import shortened
from popscore.models.legible import legible
from popscore.models.metadata import as_metadata, own_values
from popscore.models.network import MAX_MODEL_BYTES
from popscore.models.preprocess import Input
from popscore.models.session import ScoringSession, open_session
from popscore.training.conversion.graphs import ACTIVATION_MAP, FEATURES, NotUnderstood, with_maps
from popscore.training.conversion.quantise import MAX_SWAPPED, Int8Check, check, quantise, split_photos
from popscore.training.conversion.records import (
    AUTHORS,
    AUTHORS_SHA256,
    AUTHORS_SPEC,
    OWN,
    Words,
    after_int8,
    own_spec,
    values_of,
)
from popscore.training.errors import ConversionRefused, require
from popscore.training.photo_inputs import example_photos, inputs_of

MAX_DIFFERENCE = 1e-4  # between torch and ONNX, in units of the score
_SAME_SCORE = 1e-5  # a bare file's score before and after its end was rearranged


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What was written.

    Attributes:
        weights: "the authors' weights", "weights of your own", or what the file itself says.
        compared_with: `torch`, or `the file as it was` for an ONNX file.
        photos: number of real photos that were compared.
        difference: largest difference of two scores of one photo.
        int8: what the photos held back say; None without --int8.
        remarks: what could not be done, and why.
    """

    out: Path
    size_bytes: int
    sha256: str
    source_sha256: str
    weights: str
    compared_with: str
    photos: int
    difference: float
    int8: Int8Check | None = None
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Converted:
    model: onnx.ModelProto
    values: Mapping[str, str]
    weights: str
    compared_with: str
    difference: float
    remarks: list[str]


def convert(
    source: Path, out: Path, *, int8_photos: Path | None = None, force: bool = False, words: Words | None = None
) -> Conversion:
    """Convert a file and write the model, whole or not at all.

    Args:
        source: a PyTorch file with the weights of a ResNet-50 with one output, or an ONNX image scorer.
        out: the .onnx file to write; one that is there is replaced.
        int8_photos: folder with photos to calibrate an 8-bit copy on; None writes float32.
        force: write the 8-bit copy even if it swaps too many pairs.
        words: what is known about weights of one's own.

    Raises:
        ConversionRefused, ModelRefused: the file is not what it must be; the message gives the reason.
        ToolMissing: torch or onnx is not installed.
        ExportFailed: the model cannot be written there.
    """
    _check_out(source, out)
    content = read_source(source)
    name = shortened(source.name)
    source_sha256 = hashlib.sha256(content).hexdigest()
    words = words or Words()
    converted = _from_weights(content, name, source_sha256, words) or _from_onnx(content, name, source_sha256, words)
    values, remarks = converted.values, list(converted.remarks)
    finished = _serialised(converted.model, values)
    figures = None
    if int8_photos is not None:
        finished, figures, unread = _as_int8(finished, values, int8_photos, force=force)
        if unread:
            remarks.append(f"{unread} photos for --int8 could not be read and were left out.")
    open_session(finished, file=shortened(out.name))  # what is written is what popscore loads
    with replacing(out) as file:
        file.write(finished)
    return Conversion(
        out=out,
        size_bytes=len(finished),
        sha256=hashlib.sha256(finished).hexdigest(),
        source_sha256=source_sha256,
        weights=converted.weights,
        compared_with=converted.compared_with,
        photos=len(example_photos()),
        difference=converted.difference,
        int8=figures,
        remarks=remarks,
    )


def read_source(path: Path) -> bytes:
    """All bytes of the file to convert.

    Raises:
        ConversionRefused: it is missing, no regular file, empty, too large, or a Git LFS pointer.
    """
    name = shortened(path.name or str(path))
    try:
        content = limited_bytes(path, MAX_MODEL_BYTES)
    except FileNotFoundError as error:
        raise ConversionRefused(f"There is no file {name}. Check the path.") from error
    except (IsADirectoryError, NotRegular) as error:
        what = "it is a folder" if isinstance(error, IsADirectoryError) else error.strerror
        raise ConversionRefused(f"{name} was refused: {what}. Name the file itself.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConversionRefused(f"{name} cannot be read: {reason}. Check the path and its permissions.") from error
    if isinstance(content, int):
        raise ConversionRefused(
            f"{name} was refused: {content / 1e6:.0f} MB is more than popscore converts "
            f"({MAX_MODEL_BYTES / 1e6:.0f} MB). Save the weights alone: torch.save(model.state_dict(), file)."
        )
    if not content:
        raise ConversionRefused(f"{name} was refused: it is empty. Download or copy it again.")
    if content.startswith(b"version https://git-lfs"):
        raise ConversionRefused(
            f"{name} was refused: it is only a pointer to the file. Fetch the file with: git lfs pull."
        )
    return content


def _check_out(source: Path, out: Path) -> None:
    if out.suffix.lower() != ".onnx":
        raise ConversionRefused(
            f"{shortened(out.name)} was not written: its name must end in .onnx. Name another file."
        )
    check_target(out)
    folder = out.resolve().parent
    if not os.access(folder, os.W_OK):
        raise ConversionRefused(
            f"{shortened(out.name)} was not written: no permission to write to {folder}. Name another file."
        )
    if out.exists() and source.exists() and out.samefile(source):
        raise ConversionRefused(f"{shortened(out.name)} was not written: it is the file to convert. Name another file.")


def _from_weights(content: bytes, name: str, source_sha256: str, words: Words) -> _Converted | None:
    """From a PyTorch file; None if it is none."""
    if content[:4] != b"PK\x03\x04" and content[:1] != b"\x80":  # a ZIP since PyTorch 1.6, a pickle before
        return None
    require("torch", purpose=f"Converting {name}")
    from popscore.training.conversion.resnet50_graph import resnet50_model
    from popscore.training.conversion.weights import read_weights, torch_scores

    authors = source_sha256 == AUTHORS_SHA256
    if authors and words:
        raise ConversionRefused(
            f"{name} holds the authors' weights, whose name, licence and training data are known. "
            "Leave out --name, --license and --training-data."
        )
    weights = read_weights(content, file=name)
    model = resnet50_model(weights)
    spec = AUTHORS_SPEC if authors else own_spec(words)
    origin = AUTHORS if authors else OWN
    values = values_of(spec, weights=origin, source_sha256=source_sha256)
    session = open_session(_serialised(model, values), file="the converted file")
    photos = _example_inputs(session)
    difference = _largest_difference(torch_scores(weights, photos), _scores(session, photos))
    if not difference <= MAX_DIFFERENCE:
        raise ConversionRefused(
            f"{name} was not converted: ONNX and torch differ by {difference:.2g} on a photo, more than "
            f"{MAX_DIFFERENCE:g}. Its numbers are too large for 32 bits; check how the weights were trained."
        )
    return _Converted(
        model=model, values=values, weights=origin, compared_with="torch", difference=difference, remarks=[]
    )


def _from_onnx(content: bytes, name: str, source_sha256: str, words: Words) -> _Converted:
    try:
        before = open_session(content, file=name)
    except ModelRefused as error:
        if "not an ONNX model" in str(error):
            raise ConversionRefused(
                f"{name} was refused: it is neither a PyTorch file of weights nor an ONNX file that runs here. "
                "Download or copy it again."
            ) from error
        raise
    model = onnx.ModelProto.FromString(legible(content))
    known = own_values(_properties(model))
    if known and words:
        raise ConversionRefused(f"{name} says itself what it is. Leave out --name, --license and --training-data.")
    values = known or values_of(own_spec(words), weights=OWN, source_sha256=source_sha256)
    photos = _example_inputs(before)
    try:
        wanted = _scores(before, photos)
    except ScoringFailed as error:
        raise ConversionRefused(
            f"{name} was refused: it gives the example photos no scores ({error}). "
            "Download it again, or export it anew."
        ) from error
    remarks: list[str] = []
    has_maps = {FEATURES, ACTIVATION_MAP} <= {output.name for output in model.graph.output}
    # With a free batch if the graph allows it, else without. A file that popscore made needs neither.
    for free_batch in () if has_maps else (True, False):
        try:
            changed = with_maps(model, before.score_output, free_batch=free_batch)
            after = open_session(_serialised(changed, values), file=name)
            difference = _largest_difference(wanted, _scores(after, photos))
            if difference > _SAME_SCORE or (free_batch and not _batch_works(after, photos, wanted)):
                continue
        except NotUnderstood as error:
            remarks.append(f"No maps and no free batch were added: {error}. Metadata were; the scores are the same.")
            break
        except (ModelRefused, ScoringFailed):
            continue
        if not free_batch:
            remarks.append("The batch stays as it is: the graph gives other scores for several photos at once.")
        model = changed
        break
    else:
        if not has_maps:
            remarks.append("No maps and no free batch were added: with them the scores would change. Metadata were.")
    final = open_session(_serialised(model, values), file=name)
    return _Converted(
        model=model,
        values=values,
        weights=values.get("weights", "as the file itself says"),
        compared_with="the file as it was",
        difference=_largest_difference(wanted, _scores(final, photos)),
        remarks=remarks,
    )


def _as_int8(content: bytes, values: Mapping[str, str], folder: Path, *, force: bool) -> tuple[bytes, Int8Check, int]:
    """The 8-bit copy with its metadata, what was measured, and how many photos could not be read."""
    session = open_session(content, file="the converted file")
    if values.get("precision") == "int8":
        raise ConversionRefused(
            "The model has 8-bit numbers already. Leave out --int8, or start from the float32 file."
        )
    calibration, held_back, unread = split_photos(folder, session)
    copy = onnx.ModelProto.FromString(quantise(content, session, calibration))
    figures = check(session, _serialised(copy, values), held_back, calibrated_on=len(calibration))
    if figures.swapped > MAX_SWAPPED and not force:
        raise ConversionRefused(
            f"The 8-bit copy was not written: it puts {100 * figures.swapped:.1f} % of the pairs of "
            f"{figures.held_back} photos held back in another order; {100 * MAX_SWAPPED:.0f} % is the limit. "
            "Calibrate on more photos of the kind that will be scored, leave out --int8, or insist with --force."
        )
    return _serialised(copy, after_int8(values, figures.to_json())), figures, unread


def _serialised(model: onnx.ModelProto, values: Mapping[str, str]) -> bytes:
    found = _properties(model)
    others = {key: value for key, value in found.items() if key not in as_metadata(own_values(found))}
    helper.set_model_props(model, {**others, **as_metadata(values)})
    return bytes(model.SerializeToString(deterministic=True))


def _properties(model: onnx.ModelProto) -> dict[str, str]:
    """All metadata, in the file's order, which onnxruntime does not keep."""
    return {item.key: item.value for item in model.metadata_props}


def _example_inputs(session: ScoringSession) -> list[Input]:
    return inputs_of(example_photos(), session.spec)[0]


def _scores(session: ScoringSession, photos: list[Input]) -> NDArray[np.float64]:
    return session.scores(np.concatenate(photos))


def _largest_difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.abs(first - second).max())


def _batch_works(session: ScoringSession, photos: list[Input], wanted: NDArray[np.float64]) -> bool:
    """Whether all photos at once get the scores that each gets alone."""
    try:
        found = session.scores(np.concatenate(photos), at_once=len(photos))
    except ScoringFailed:
        return False
    return _largest_difference(found, wanted) <= MAX_DIFFERENCE
