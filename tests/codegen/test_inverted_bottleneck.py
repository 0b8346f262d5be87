"""An inverted bottleneck, three convolutions, in one kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from compiler.codegen.schedules.inverted_bottleneck import InvertedBottleneck
from compiler.codegen.space import Choice
from compiler.ir import DType, Graph, Layout, Rewriter, Shape, TensorType, Value
from compiler.ir.ops.binary import Add, Maximum, Minimum
from compiler.ir.ops.contraction import Conv
from tests.codegen.blocked_regions import LANES, blocked_region, blocked_type, check_blocked, per_channel
from tests.codegen.task_kernels import HOST


@dataclass(frozen=True)
class Case:
    """``x``, expanded to ``wide`` channels, a depthwise convolution, and ``filters`` filters in blocks of ``vectors``
    vectors."""

    x: Shape
    wide: int
    taps: int
    stride: int
    filters: int
    vectors: int
    dilation: int = 1


CASES = {
    "3x3": Case((1, LANES, 8, 14), 3 * LANES, 3, 1, 2 * LANES, 2),
    "stride 2": Case((2, LANES, 16, 17), 2 * LANES, 3, 2, LANES, 1),
    "stride 2 of an odd height": Case((1, LANES, 13, 9), LANES, 3, 2, LANES, 1),
    "5x5": Case((1, 2 * LANES, 7, 7), 3 * LANES, 5, 1, 5 * LANES, 4),
    "dilated": Case((2, LANES, 12, 12), LANES, 3, 1, LANES, 1, dilation=2),
    "stride beyond the window": Case((2, LANES, 12, 12), LANES, 1, 3, LANES, 1),
    "tails of all channels": Case((1, LANES + 3, 6, 9), 2 * LANES + 1, 3, 1, 2 * LANES + 5, 2),
    "few channels": Case((1, 3, 6, 9), LANES + 2, 3, 1, 3, 1),
    "wide rows": Case((1, LANES, 4, 67), LANES, 3, 1, LANES, 1),
    "one axis": Case((1, LANES, 21), 2 * LANES, 3, 1, LANES, 1),
}


def bottleneck_region(case: Case, vector: int = LANES) -> Graph:
    """x1 = relu6(x * w1 + bias), x2 = relu6(depthwise(x1) + bias), relu(x2 * w2 + bias + residual)."""
    axes = len(case.x) - 2
    one, zeros = (1,) * axes, (0,) * axes
    pad = (case.taps // 2 * case.dilation,) * axes

    def result(rewriter: Rewriter) -> Value:
        zero, six = (rewriter.constant(np.array(value, np.float32)) for value in (0, 6))

        def biased(value: Value, name: str) -> Value:
            return rewriter.emit(
                Add(), value, rewriter.input(name, blocked_type(*per_channel(value.type.shape), lanes=vector))
            )

        def clipped(value: Value) -> Value:
            return rewriter.emit(Minimum(), rewriter.emit(Maximum(), value, zero), six)

        def multiplied(value: Value, filters: int, block: int, name: str) -> Value:
            depth = value.type.shape[1]
            packed = Layout(((1, min(vector, depth)), (0, block)))
            w = rewriter.input(name, TensorType(DType.F32, (filters, depth, *one), packed))
            return rewriter.emit(Conv(one, zeros, zeros, one), value, w)

        x = rewriter.input("x", blocked_type(*case.x, lanes=vector))
        wide = clipped(biased(multiplied(x, case.wide, vector, "w1"), "bias1"))
        taps = TensorType(DType.F32, (case.wide, 1, *(case.taps,) * axes), Layout(((0, vector),)))
        op = Conv((case.stride,) * axes, pad, pad, (case.dilation,) * axes, case.wide)
        middle = clipped(biased(rewriter.emit(op, wide, rewriter.input("taps", taps)), "bias2"))
        total = biased(multiplied(middle, case.filters, case.vectors * vector, "w2"), "bias3")
        alike = total.type.shape == case.x
        residual = x if alike else rewriter.input("residual", blocked_type(*total.type.shape, lanes=vector))
        return rewriter.emit(Maximum(), rewriter.emit(Add(), total, residual), zero)

    return blocked_region(result, vector)


@pytest.mark.parametrize("name", CASES)
def test_bottleneck_equals_reference_in_all_tilings(name: str) -> None:
    graph = bottleneck_region(CASES[name])
    knobs = InvertedBottleneck().space(graph, HOST).knobs
    configs = [{knob.name: pick(knob.values) for knob in knobs} for pick in (min, max)]
    check_blocked(
        graph, "inverted_bottleneck", [None, *(Choice.of("inverted_bottleneck", config) for config in configs)]
    )
