"""Names, element types and shapes of inputs and outputs, and the checks of arrays against them.

Must not know files or the C library.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

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


class Buffer(NamedTuple):
    """An array and where its data lies. numpy takes a microsecond to tell where, so it is asked once."""

    array: Array
    address: int

    @staticmethod
    def of(array: Array) -> "Buffer":
        if array.size and array.flags.writeable:
            start = ctypes.addressof(ctypes.c_char.from_buffer(array.data))  # quicker than array.ctypes.data
            return Buffer(array, start)
        return Buffer(array, array.ctypes.data)


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

    def with_rows(self, rows: int | None) -> Shape:
        """The shape with `rows` for the dynamic batch; without rows, as it is."""
        return (rows, *self.shape[1:]) if self.is_dynamic else self.shape

    def shape_of(self, rows: int | None = None) -> tuple[int, ...]:
        """The shape of an array; a dynamic batch has `rows` rows, 1 if not given."""
        return tuple(1 if d is None else d for d in self.with_rows(rows))

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
        if array.shape != self.shape and not self._fits(array.shape, rows):
            raise TensorShapeError(kind, name, self.with_rows(rows), array.shape)
        return array

    def _fits(self, shape: tuple[int, ...], rows: int | None) -> bool:
        if not self.is_dynamic or len(shape) != len(self.shape):
            return False
        return shape[1:] == self.shape[1:] and (rows is None or shape[0] == rows)

    def allocate(self, rows: int | None = None) -> Buffer:
        """A new, uninitialized array whose data starts on a cache line, for whole-line stores, if it fills one."""
        shape, storage = self.shape_of(rows), self.storage
        size = prod(shape) * storage.itemsize
        if 0 < size < CACHE_LINE:
            return Buffer.of(np.empty(shape, storage))
        raw = np.empty(size + CACHE_LINE, np.uint8)
        start = Buffer.of(raw).address
        offset = -start % CACHE_LINE
        return Buffer(np.ndarray(shape, storage, buffer=raw, offset=offset), start + offset)


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
