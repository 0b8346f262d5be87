"""The running values of a reduction, kept in registers as vectors of partial results."""

from __future__ import annotations

from collections.abc import Callable

from tvm.ir import Expr

from compiler.codegen.computes.interface import Reduction
from compiler.codegen.tir import Array, KernelBuilder, broadcast, element_type, lanes, storage_type
from compiler.ir import DType, Op, TensorType

_BY_STORAGE = {storage_type(dtype): dtype for dtype in DType if dtype not in (DType.BOOL, DType.BF16)}


class Accumulators:
    """``width`` lanes of each accumulator of ``compute``, initialized where this is constructed."""

    def __init__(self, builder: KernelBuilder, compute: Reduction, op: Op, types: list[TensorType], width: int) -> None:
        self._builder = builder
        self._compute = compute
        self._op = op
        self.width = width
        self._arrays: list[Array] = []
        for index, start in enumerate(compute.start(op, types)):
            array = builder.registers(f"acc{index}", _BY_STORAGE[element_type(start)], (width,))
            array[lanes(0, width)] = broadcast(start, width)
            self._arrays.append(array)

    @property
    def values(self) -> tuple[Expr, ...]:
        """The accumulators as they are now."""
        return tuple(array[lanes(0, self.width)] for array in self._arrays)

    def update(self, step: Callable[[tuple[Expr, ...]], tuple[Expr, ...]]) -> None:
        """Replace the accumulators by ``step`` of them."""
        self._store(step(self.values), 0, self.width)

    def combined(self) -> tuple[Expr, ...]:
        """All lanes folded into one, as scalars bound to variables: halves are combined until one is left."""
        combine = self._compute.combine
        width = self.width
        while width > 1:
            assert combine is not None, "only reductions that combine are folded across lanes"
            width //= 2
            low = tuple(self._builder.let(array[lanes(0, width)], "low") for array in self._arrays)
            high = tuple(self._builder.let(array[lanes(width, width)], "high") for array in self._arrays)
            self._store(combine(self._builder, self._op, low, high), 0, width)
        return tuple(self._builder.let(array[0], "total") for array in self._arrays)

    def _store(self, values: tuple[Expr, ...], start: int, width: int) -> None:
        # All new values are computed before any is stored: one accumulator's step may read another.
        bound = [self._builder.let(value, "next") for value in values]
        for array, value in zip(self._arrays, bound, strict=True):
            array[lanes(start, width)] = value
