"""Kernels of the running sums and products: the axis is sequential, everything beside it parallel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import cast as as_type

from tvm.ir import Expr

from compiler.codegen.computes.arithmetic import plus, times
from compiler.codegen.computes.interface import Compute, Whole
from compiler.codegen.tir import Array, KernelBuilder, arithmetic_type, literal
from compiler.ir import DType, Op
from compiler.ir.ops import reduction


def _scan(fold: Callable[[Expr, Expr], Expr], unit: int) -> Whole:
    def emit(
        k: KernelBuilder, op: Op, operands: Sequence[Array], results: Sequence[Array], scratch: Array | None
    ) -> None:
        scan = as_type(reduction.Cumulative, op)
        shape = operands[0].shape
        size = shape[scan.axis]
        lead, tail = math.prod(shape[: scan.axis]), math.prod(shape[scan.axis + 1 :])
        x, y = (array.reshape((lead, size, tail)) for array in (operands[0], results[0]))
        dtype = DType.F32 if x.dtype in (DType.F16, DType.BF16) else x.dtype
        with k.parallel(lead * tail) as index:
            row, column = index // tail, index % tail
            total = k.registers("total", dtype, (1,))
            total[0] = literal(unit, arithmetic_type(dtype))
            with k.serial(size, "step") as step:
                place = (size - 1) - step if scan.reverse else step
                element = k.let(x[row, place, column], "element")
                if scan.exclusive:
                    y[row, place, column] = total[0]
                    total[0] = fold(total[0], element)
                else:
                    total[0] = fold(total[0], element)
                    y[row, place, column] = total[0]

    return Whole(emit)


ROWS: dict[type[Op], Compute] = {
    reduction.CumulativeSum: _scan(plus, 0),
    reduction.CumulativeProd: _scan(times, 1),
}
