"""``Literal``: the immutable array inside a ``constant`` op, compared and hashed by content."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.ir.dtypes import DType
from compiler.ir.types import TensorType

Array = NDArray[Any]

INLINE_LIMIT = 16
"""Literals of at most this many elements are printed inline; larger ones by digest."""


class Literal:
    """A read-only array with an IR element type (which says whether uint16 storage means bfloat16)."""

    def __init__(self, array: Array, dtype: DType | None = None) -> None:
        self.dtype = DType.of(array.dtype) if dtype is None else dtype
        if array.dtype != self.dtype.numpy:
            raise TypeError(f"storage {array.dtype} does not fit element type {self.dtype.value}")
        self.array = np.asarray(array, order="C")
        if self.array.flags.writeable:
            self.array = self.array.copy() if self.array.base is not None else self.array
            self.array.flags.writeable = False

    @property
    def type(self) -> TensorType:
        """The row-major type of this literal."""
        return TensorType(self.dtype, self.array.shape)

    @property
    def is_inline(self) -> bool:
        """Whether IR text spells the elements out."""
        return self.array.size <= INLINE_LIMIT

    @cached_property
    def digest(self) -> str:
        """SHA-256 over type and bytes, hexadecimal."""
        return self._hash(str(self.type).encode())

    @cached_property
    def bytes_digest(self) -> str:
        """SHA-256 over the bytes alone, hexadecimal."""
        return self._hash(b"")

    def _hash(self, prefix: bytes) -> str:
        content = hashlib.sha256(prefix)
        content.update(np.ascontiguousarray(self.array).data.cast("B") if self.array.size else b"")
        return content.hexdigest()

    @property
    def splat(self) -> int | float | bool | None:
        """The one value that every element has, bit for bit, or None (also for bfloat16 and empty arrays)."""
        if self.array.size == 0 or self.dtype is DType.BF16:
            return None
        first = self.array.reshape(-1)[:1]
        return first.item() if self.array.size == 1 or self._all_equal(first) else None

    def _all_equal(self, first: Array) -> bool:
        bits = np.dtype(f"u{self.array.dtype.itemsize}")
        return bool((self.array.view(bits) == first.view(bits)).all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self.type == other.type and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Literal({self.type}, {self.digest[:12]})"
