"""Names, element types and shapes of inputs and outputs, and the checks of arrays against them.

Must not know files or the C library.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
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
        return Buffer(array, array.ctypes.data)


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: `dtype` is a name of `DTYPES`; None in `shape` is a dynamic dimension."""

    dtype: str
    shape: Shape

    @property
    def storage(self) -> np.dtype[np.generic]:
        """The numpy type of arrays that hold this tensor (uint16 for bfloat16)."""
        return DTYPES[self.dtype]

    def static_shape(self) -> tuple[int, ...]:
        """The shape, with 1 for a dynamic dimension."""
        return tuple(1 if d is None else d for d in self.shape)

    def nbytes(self) -> int:
        return prod(self.static_shape()) * self.storage.itemsize

    def checked(self, kind: str, name: str, array: Array) -> Array:
        """`array` as its storage type, without a copy. `kind` is "input" or "output".

        bfloat16 takes uint16 bits, or the bfloat16 of ml_dtypes from callers who use that package.
        Raises TensorDtypeError, TensorShapeError.
        """
        if array.dtype != self.storage:
            if array.dtype.name != self.dtype or not array.dtype.isnative:
                raise TensorDtypeError(kind, name, self.dtype, array.dtype)
            array = array.view(self.storage)
        if array.shape != self.shape and not self._fits(array.shape):
            raise TensorShapeError(kind, name, self.shape, array.shape)
        return array

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) and all(
            want is None or want == got for want, got in zip(self.shape, shape, strict=True)
        )

    def allocate(self) -> Buffer:
        """A new, uninitialized array whose data starts on a cache line, for whole-line stores."""
        raw = np.empty(self.nbytes() + CACHE_LINE, np.uint8)
        start = ctypes.addressof(ctypes.c_char.from_buffer(raw.data))  # quicker than raw.ctypes.data
        offset = -start % CACHE_LINE
        return Buffer(np.ndarray(self.static_shape(), self.storage, buffer=raw, offset=offset), start + offset)


def random_arrays(specs: Mapping[str, TensorSpec], seed: int = 0) -> dict[str, Array]:
    """Reproducible arrays for timing: floats from N(0, 1), integers 0 or 1 (valid as most indices)."""
    generator = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}
    for name, spec in specs.items():
        shape = spec.static_shape()
        if spec.dtype == "bfloat16":
            values = generator.standard_normal(shape).astype(np.float32)
            arrays[name] = (values.view(np.uint32) >> 16).astype(np.uint16)
        elif spec.storage.kind == "f":
            arrays[name] = generator.standard_normal(shape).astype(spec.storage)
        else:
            arrays[name] = generator.integers(0, 2, shape).astype(spec.storage)
    return arrays
