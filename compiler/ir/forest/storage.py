"""A forest as named arrays and back, for files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from compiler.ir.forest.forest import Forest
from compiler.ir.literal import Array


class StoredForestError(ValueError):
    """Arrays of a file that lack one of a forest's."""


def to_arrays(forest: Forest) -> dict[str, Array]:
    """The fields by name."""
    return {field.name: np.asarray(getattr(forest, field.name)) for field in fields(forest)}


def from_arrays(arrays: Mapping[str, Array]) -> Forest:
    """The forest of ``to_arrays``. Raises StoredForestError or ForestError."""
    missing = [field.name for field in fields(Forest) if field.name not in arrays]
    if missing or arrays["features"].shape != ():
        raise StoredForestError(f"a forest's {missing[0] if missing else 'features'} cannot be read")
    given = {field.name: arrays[field.name] for field in fields(Forest) if field.name != "features"}
    return Forest(features=int(arrays["features"]), **given)
