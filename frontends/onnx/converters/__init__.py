"""The table of converters, merged from one module per family of operators.

To add an operator, write a function in its family's module and a row in that module's ``CONVERTERS`` (for the
domain ai.onnx; ``ML_CONVERTERS`` and ``TRAINING_CONVERTERS`` are for two others); a new family is one more
entry in ``FAMILIES``.
"""

from __future__ import annotations

from types import ModuleType
from typing import Final

from frontends.onnx.context import Converter
from frontends.onnx.converters import (
    activation,
    attention,
    control,
    convolution,
    einsum,
    elementwise,
    features,
    generating,
    indexing,
    linear,
    loss,
    normalization,
    pooling,
    quantization,
    recurrent,
    reducing,
    refused,
    resize,
    sampling,
    sequences,
    shaping,
    signal,
    slicing,
    training,
)
from frontends.onnx.converters.trees import ensembles

FAMILIES: Final[tuple[ModuleType, ...]] = (
    activation,
    attention,
    control,
    convolution,
    einsum,
    elementwise,
    ensembles,
    features,
    generating,
    indexing,
    linear,
    loss,
    normalization,
    pooling,
    quantization,
    recurrent,
    reducing,
    refused,
    resize,
    sampling,
    sequences,
    shaping,
    signal,
    slicing,
    training,
)


def _merged(name: str) -> dict[str, Converter]:
    """The rows of all families' tables of one name."""
    merged: dict[str, Converter] = {}
    for family in FAMILIES:
        rows: dict[str, Converter] = getattr(family, name, {})
        repeated = merged.keys() & rows.keys()
        if repeated:
            raise ValueError(f"{family.__name__} converts {', '.join(sorted(repeated))} a second time")
        merged |= rows
    return merged


CONVERTERS: Final[dict[str, dict[str, Converter]]] = {
    "": _merged("CONVERTERS"),
    "ai.onnx.ml": _merged("ML_CONVERTERS"),
    "ai.onnx.preview.training": _merged("TRAINING_CONVERTERS"),
}
"""Domain -> operator -> converter."""

MOVERS: Final = frozenset().union(*(family.CONVERTERS for family in (control, sequences, shaping, slicing)))
"""Operators that move elements without computing, whatever their type."""

NARROW_READERS: Final = frozenset({"Cast", "DequantizeLinear"})
"""Operators that may read a constant of an element type that the IR holds in a wider one, such as int4 or
float8."""
