"""Arrays of a document as numpy arrays, those of all trees at once: a model has a dozen per tree.

Lists go through ``array``, which takes numbers of one kind only and never more memory than they need: what numpy would
make of a list depends on what is in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from typing import cast

import numpy as np

from compiler.ir.literal import Array
from frontends.xgboost.ubjson import TypedArray

Parts = Sequence[object]
"""Arrays as they stand in a document: lists, or typed arrays of UBJSON."""


def integers_of(parts: Parts) -> Array | None:
    """``i32``: the elements of all arrays, one after the other; booleans are 0 and 1. None unless all are 32-bit
    integers."""
    return _joined(parts, _listed_integers, _typed_integers)


def floats_of(parts: Parts) -> Array | None:
    """``f32``: the elements of all arrays, one after the other, rounded; NaN and infinities are some. None unless all
    are numbers."""
    return _joined(parts, _listed_floats, _rounded)


def sizes_of(parts: Parts) -> Array:
    """``i64``: how many elements each has."""
    return np.fromiter(map(len, cast("Sequence[Sequence[object]]", parts)), np.int64, len(parts))


def _joined(
    parts: Parts, of_list: Callable[[list[object]], Array | None], of_typed: Callable[[Array], Array | None]
) -> Array | None:
    kinds = {type(part) for part in parts}
    if kinds <= {list}:
        return of_list(list(chain.from_iterable(cast("Sequence[list[object]]", parts))))
    if kinds == {TypedArray}:
        typed = cast("Sequence[TypedArray]", parts)
        dtype = typed[0].dtype
        if all(part.dtype is dtype for part in typed):
            return of_typed(TypedArray(dtype, b"".join([part.data for part in typed])).decoded())
    if len(parts) < 2:
        return None
    each = [_joined([part], of_list, of_typed) for part in parts]
    known = [part for part in each if part is not None]
    return np.concatenate(known) if len(known) == len(each) else None


def _listed_integers(values: list[object]) -> Array | None:
    try:
        return np.array(array("i", cast("list[int]", values)), np.int32)
    except (TypeError, OverflowError):
        return None


def _typed_integers(values: Array) -> Array | None:
    fits = values.dtype.kind in "iu" and (
        values.dtype.itemsize <= 4 or not values.size or -(2**31) <= values.min() <= values.max() < 2**31
    )
    return values.astype(np.int32) if fits else None


def _listed_floats(values: list[object]) -> Array | None:
    try:
        return _rounded(np.array(array("d", cast("list[float]", values)), np.float64))
    except (TypeError, OverflowError):
        return None


def _rounded(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
