"""Types of values: element type, logical shape and physical layout. All immutable and hashable.

Type inference and the reference semantics see logical shapes only. A ``Layout`` says how the logical
elements lie in memory; only the ``relayout`` op changes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from compiler.ir.dtypes import DType

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Row-major order with some axes split into blocks.

    ``blocks`` is a tuple of ``(axis, size)``: each names a logical axis that is split into an outer axis
    of ``ceil(dim / size)`` and an inner one of ``size``, which is moved behind all outer axes, in order.
    ``NCHW16c`` is ``Layout(((1, 16),))``. Lanes beyond the logical dimension are there to be loaded and stored with
    the others: they are zero in a packed constant and hold anything in a value that was computed, so a reader must
    not let them reach a logical element.
    """

    blocks: tuple[tuple[int, int], ...] = ()

    def physical_shape(self, shape: Shape) -> Shape:
        """The shape of the stored array for a logical ``shape``."""
        outer = list(shape)
        for axis, size in self.blocks:
            outer[axis] = -(-outer[axis] // size)
        return (*outer, *(size for _, size in self.blocks))

    def __str__(self) -> str:
        return "{" + ",".join(f"{axis}:{size}" for axis, size in self.blocks) + "}" if self.blocks else ""


ROW_MAJOR = Layout()


@dataclass(frozen=True, slots=True)
class TensorType:
    """The type of a value; as text ``f32[1,64,56,56]`` or, with a blocked channel axis, ``f32[1,64,56,56]{1:16}``."""

    dtype: DType
    shape: Shape
    layout: Layout = ROW_MAJOR

    @property
    def rank(self) -> int:
        """Number of logical dimensions."""
        return len(self.shape)

    @property
    def elements(self) -> int:
        """Number of logical elements (1 for a scalar, 0 if any dimension is 0)."""
        return math.prod(self.shape)

    @property
    def physical_shape(self) -> Shape:
        """The shape of the stored array, padding lanes included."""
        return self.layout.physical_shape(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of storage, padding lanes included."""
        return math.prod(self.physical_shape) * self.dtype.bytes

    @property
    def logical(self) -> TensorType:
        """The same type in row-major order."""
        return self if self.layout == ROW_MAJOR else TensorType(self.dtype, self.shape)

    def with_shape(self, shape: Shape) -> TensorType:
        """The same element type with another logical shape, row-major."""
        return TensorType(self.dtype, shape)

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same shape and layout with another element type."""
        return TensorType(dtype, self.shape, self.layout)

    def __str__(self) -> str:
        return f"{self.dtype.value}[{','.join(map(str, self.shape))}]{self.layout}"
