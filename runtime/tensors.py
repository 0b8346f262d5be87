"""Names, element types and shapes of inputs and outputs, and the checks of arrays against them.

Must not know files or the C library.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from runtime.errors import Shape, TensorDtypeError, TensorShapeError

# Which element type an array has is known at run time only; the specs check it.
Array = NDArray[Any]

CACHE_LINE = 64

# Row i is the element type with number i in kiln.h: name, and the numpy type that stores it.
# numpy has no bfloat16: its bits travel as uint16.
DTYPES: Mapping[str, np.dtype[np.generic]] = {
    "bool": np.dtype(np.bool_),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
    "int16": np.dtype(np.int16),
    "uint16": np.dtype(np.uint16),
    "int32": np.dtype(np.int32),
    "uint32": np.dtype(np.uint32),
    "int64": np.dtype(np.int64),
    "uint64": np.dtype(np.uint64),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(np.uint16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}


# An array and where its data lies, which is worth asking once.
Buffer: TypeAlias = tuple[Array, int]


def address_of(array: Array) -> int:
    """Where the data of an array lies; three times quicker than `array.ctypes.data` where it can be."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    except (TypeError, ValueError):  # read-only, empty, or not contiguous
        return array.ctypes.data


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: `dtype` is a name of `DTYPES`; None as dimension 0 is the dynamic batch."""

    dtype: str
    shape: Shape

    @cached_property
    def storage(self) -> np.dtype[np.generic]:
        """The numpy type of arrays that hold this tensor (uint16 for bfloat16)."""
        return DTYPES[self.dtype]

    @cached_property
    def is_dynamic(self) -> bool:
        return self.shape[:1] == (None,)

    @cached_property
    def _fixed(self) -> tuple[int, ...]:
        """The dimensions that are not dynamic."""
        return tuple(d for d in self.shape if d is not None)

    def shape_of(self, rows: int | None = None) -> tuple[int, ...]:
        """The shape of an array; a dynamic batch has `rows` rows, 1 if not given."""
        return (1 if rows is None else rows, *self._fixed) if self.is_dynamic else self._fixed

    def nbytes(self, rows: int | None = None) -> int:
        return prod(self.shape_of(rows)) * self.storage.itemsize

    def checked(self, kind: str, name: str, array: Array, rows: int | None = None) -> Array:
        """`array` as its storage type, without a copy. `kind` is "input" or "output". A dynamic batch may have any
        number of rows, or those given.

        bfloat16 takes uint16 bits, or the bfloat16 of ml_dtypes from callers who use that package.
        Raises TensorDtypeError, TensorShapeError.
        """
        if array.dtype != self.storage:
            if array.dtype.name != self.dtype or not array.dtype.isnative:
                raise TensorDtypeError(kind, name, self.dtype, array.dtype)
            array = array.view(self.storage)
        shape = array.shape
        if not self.is_dynamic:
            fits = shape == self.shape
        else:
            fits = shape[1:] == self._fixed and len(shape) > 0 and rows in (None, shape[0])
        if not fits:
            expected = self.shape if rows is None else self.shape_of(rows)
            raise TensorShapeError(kind, name, expected, shape)
        return array

    def allocate(self, rows: int | None = None) -> Buffer:
        """A new, uninitialized array whose data starts on a cache line, for whole-line stores, if it fills one."""
        shape, storage = self.shape_of(rows), self.storage
        size = prod(shape) * storage.itemsize
        if 0 < size < CACHE_LINE:
            array = np.empty(shape, storage)
            return array, address_of(array)
        raw = np.empty(size + CACHE_LINE, np.uint8)
        start = address_of(raw)
        offset = -start % CACHE_LINE
        return np.ndarray(shape, storage, buffer=raw, offset=offset), start + offset


def random_arrays(specs: Mapping[str, TensorSpec], seed: int = 0, rows: int | None = None) -> dict[str, Array]:
    """Reproducible arrays for timing: floats from N(0, 1), integers 0 or 1 (valid as most indices); `rows` rows of a
    dynamic batch."""
    generator = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}
    for name, spec in specs.items():
        shape = spec.shape_of(rows)
        if spec.dtype == "bfloat16":
            values = generator.standard_normal(shape).astype(np.float32)
            arrays[name] = (values.view(np.uint32) >> 16).astype(np.uint16)
        elif spec.storage.kind == "f":
            arrays[name] = generator.standard_normal(shape).astype(spec.storage)
        else:
            arrays[name] = generator.integers(0, 2, shape).astype(spec.storage)
    return arrays
