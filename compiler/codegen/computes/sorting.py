"""Kernel of ``top_k``: insertion into the sorted results, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Compute, Whole
from compiler.codegen.tir import Array, KernelBuilder, cast
from compiler.ir import DType, Op
from compiler.ir.ops.sorting import TopK


def _emit(k: KernelBuilder, op: Op, operands: Sequence[Array], results: Sequence[Array], scratch: Array | None) -> None:
    """Each element that beats the last of the best so far moves down to its place.

    Linear when few elements beat the best, which is usual; quadratic in k at worst.
    """
    top = as_type(TopK, op)
    shape = operands[0].shape
    size = shape[top.axis]
    lead, tail = math.prod(shape[: top.axis]), math.prod(shape[top.axis + 1 :])
    x = operands[0].reshape((lead, size, tail))
    values, positions = (array.reshape((lead, top.k, tail)) for array in results)
    with k.parallel(lead * tail) as index:
        row, column = k.let(index // tail, "row"), k.let(index % tail, "column")
        place = k.registers("place", DType.I64, (1,))
        with k.serial(size, "step") as step:
            element = k.let(x[row, step, column], "element")
            last = values[row, top.k - 1, column]
            filled = cast(step, "int64")
            with k.if_(tirx.Or(filled < top.k, _beats(top, element, last))):
                place[0] = tirx.Min(filled, tirx.IntImm("int64", top.k - 1))
                above = cast(tirx.Max(place[0] - 1, tirx.IntImm("int64", 0)), k.index_type)
                with k.while_(tirx.And(place[0] > 0, _beats(top, element, values[row, above, column]))):
                    here = cast(place[0], k.index_type)
                    values[row, here, column] = values[row, here - 1, column]
                    positions[row, here, column] = positions[row, here - 1, column]
                    place[0] = place[0] - 1
                final = cast(place[0], k.index_type)
                values[row, final, column] = element
                positions[row, final, column] = filled


def _beats(op: TopK, left: Expr, right: Expr) -> Expr:
    """Strictly better, so that of equal elements the earlier stays first."""
    return left > right if op.largest else left < right


ROWS: dict[type[Op], Compute] = {TopK: Whole(_emit)}
