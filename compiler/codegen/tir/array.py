"""Typed n-dimensional views of memory: kernel parameters, scratch and registers.

Owns the row-major address arithmetic and the conversion between storage and arithmetic types on load and
store. A statement goes to whatever ``emit`` callable the array was made with; the loops around it are the
builder's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir.dtypes import from_storage, storage_type, to_storage
from compiler.codegen.tir.expr import broadcast, lane_count, lanes
from compiler.codegen.tir.shuffle import shuffled
from compiler.ir.dtypes import DType

Index = Expr | int


@dataclass(frozen=True)
class Array:
    """A row-major view of ``shape`` elements of ``dtype``, from element ``first`` of the buffer on.

    ``array[i, j]`` loads and ``array[i, j] = value`` stores, in the arithmetic type of ``dtype``. One index
    may be a vector (``lanes(j, 16)``), which makes the access a vector access: contiguous when it is the last
    dimension, a gather or scatter otherwise. Accesses assume the natural alignment of an element and no more.

    All views of one array share one TIR buffer, so the code generator's type-based alias analysis, which
    takes distinct buffers for distinct memory, stays right.
    """

    buffer: tirx.Buffer
    dtype: DType
    shape: tuple[int, ...]
    index_type: str
    emit: Callable[[tirx.Stmt], None]
    start: int = 0
    """Elements of the memory before the first one of this view."""

    def __getitem__(self, indices: Index | tuple[Index, ...]) -> Expr:
        return from_storage(self.load_raw(indices), self.dtype)

    def __setitem__(self, indices: Index | tuple[Index, ...], value: Expr) -> None:
        self.store_raw(indices, to_storage(value, self.dtype))

    def load_raw(self, indices: Index | tuple[Index, ...]) -> Expr:
        """Load without conversion: the bits as stored, for example uint16 for bfloat16."""
        offset = self.offset(indices)
        if _is_ramp(offset) and _known(offset.stride) == 2:
            return self._load_every_second(offset)
        return tirx.BufferLoad(self.buffer, [offset])

    def _load_every_second(self, offset: tirx.Ramp) -> Expr:
        """Two contiguous loads, of which the second ends with the last element, and a shuffle: no load per lane."""
        count = lane_count(offset)
        starts = offset.base, offset.base + (count - 1)
        spans: list[Expr] = [_vector_index(start, count) for start in starts]
        halves = [tirx.BufferLoad(self.buffer, [span]) for span in spans]
        return shuffled(halves, [2 * lane + (2 * lane >= count) for lane in range(count)])

    def store_raw(self, indices: Index | tuple[Index, ...], value: Expr) -> None:
        """Store a value that already has the storage type; a scalar fills all lanes of a vector index."""
        offset = self.offset(indices)
        width = lane_count(offset)
        if lane_count(value) != width:
            value = broadcast(value, width)
        self.emit(tirx.BufferStore(self.buffer, value, [offset]))

    def offset(self, indices: Index | tuple[Index, ...]) -> Expr:
        """The element offset of ``indices``, one per dimension."""
        position = indices if isinstance(indices, tuple) else (indices,)
        if len(position) != len(self.shape):
            raise IndexError(f"{self.buffer.name} has {len(self.shape)} dimensions, got {len(position)} indices")
        strides = row_major_strides(self.shape)
        scalars = [(_base(index), stride) for index, stride in zip(position, strides, strict=True)]
        ramps = [(index, stride) for index, stride in zip(position, strides, strict=True) if _is_ramp(index)]
        base = _weighted_sum([*scalars, (self.start, 1)], self.index_type)
        if not ramps:
            return base
        step = _weighted_sum([(ramp.stride, stride) for ramp, stride in ramps], self.index_type)
        return tirx.Ramp(base, step, ramps[0][0].lanes)

    def reshape(self, shape: Sequence[int]) -> Array:
        """The same memory with another shape of as many elements."""
        if math.prod(shape) != math.prod(self.shape):
            raise ValueError(f"cannot view {self.shape} as {tuple(shape)}")
        return replace(self, shape=tuple(shape))

    def part(self, start: int, shape: Sequence[int]) -> Array:
        """The elements from number ``start`` on as a view of ``shape``."""
        if start + math.prod(shape) > math.prod(self.shape):
            raise ValueError(f"{tuple(shape)} from {start} on is not inside {self.shape}")
        return replace(self, shape=tuple(shape), start=self.start + start)


def _is_ramp(index: Index) -> TypeGuard[tirx.Ramp]:
    return isinstance(index, tirx.Ramp)


def _vector_index(base: Expr, count: int) -> Expr:
    """``count`` neighbours from ``base``."""
    index = lanes(base, count)
    assert isinstance(index, Expr)
    return index


def _known(index: Expr) -> int | None:
    """The value of an index that is a constant."""
    return int(index) if isinstance(index, tirx.IntImm) else None


def _base(index: Index) -> Index:
    """The first lane of a ramp; any other index itself."""
    return index.base if _is_ramp(index) else index


def _weighted_sum(terms: Iterable[tuple[Index, int]], index_type: str) -> Expr:
    """The sum of index times stride, with the known part folded into one constant."""
    known, total = 0, None
    for index, stride in terms:
        if isinstance(index, int | tirx.IntImm):
            known += int(index) * stride
            continue
        term = index if stride == 1 else index * stride
        total = term if total is None else total + term
    if total is None:
        return tirx.IntImm(index_type, known)
    return total if known == 0 else total + known


def row_major_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Elements between neighbours along each dimension."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def make_array(
    name: str,
    dtype: DType,
    shape: Sequence[int],
    *,
    index_type: str,
    emit: Callable[[tirx.Stmt], None],
    data: tirx.Var | None = None,
) -> Array:
    """Declare a flat buffer over the pointer ``data``, or a local one without it, and return its view.

    The caller emits the declaring statement (``DeclBuffer`` or ``AllocBuffer``).
    """
    size = tirx.IntImm(index_type, max(1, math.prod(shape)))
    return Array(flat_buffer(name, storage_type(dtype), size, data), dtype, tuple(shape), index_type, emit)


def flat_buffer(name: str, dtype: str, size: Expr, data: tirx.Var | None = None) -> tirx.Buffer:
    """A one-dimensional TIR buffer over the pointer ``data``, or a local one without it."""
    scope = "" if data is not None else "local"
    layout: Any = None  # TVM's annotation says str
    return tirx.decl_buffer((size,), dtype, name, data=data, scope=scope, layout=layout)
