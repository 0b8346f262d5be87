"""A depthwise convolution and the 1x1 convolution behind it in one kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from compiler.codegen.schedules.depthwise_pointwise import DepthwisePointwise
from compiler.codegen.space import Choice
from compiler.codegen.tir import assembly
from compiler.ir import DType, Graph, Layout, Rewriter, Shape, TensorType, Value
from compiler.ir.ops.binary import Add, Maximum, Minimum
from compiler.ir.ops.contraction import Conv
from compiler.targets import resolve
from tests.codegen.blocked_regions import LANES, blocked_region, blocked_type, check_blocked, per_channel
from tests.codegen.native import instructions, llvm
from tests.codegen.task_kernels import HOST


@dataclass(frozen=True)
class Case:
    """A depthwise convolution of ``x`` and a product with ``filters`` filters in blocks of ``vectors`` vectors."""

    x: Shape
    taps: int
    stride: int
    filters: int
    vectors: int


CASES = {
    "3x3": Case((1, 2 * LANES, 8, 14), 3, 1, 2 * LANES, 2),
    "stride 2": Case((2, 3 * LANES, 16, 17), 3, 2, LANES, 1),
    "5x5": Case((1, 2 * LANES, 7, 7), 5, 1, 5 * LANES, 4),
    "tails of channels and filters": Case((1, LANES + 3, 6, 9), 3, 1, 2 * LANES + 5, 2),
    "last block of one vector": Case((1, LANES, 6, 30), 3, 1, 3 * LANES, 2),
    "half a vector of filters behind a whole one": Case((1, 2 * LANES, 6, 19), 3, 1, LANES + LANES // 2, 2),
    "half a vector of filters in a last block": Case((1, LANES, 4, 9), 3, 1, 2 * LANES + LANES // 2, 2),
    "three vectors and a half": Case((1, LANES, 4, 9), 3, 1, 3 * LANES + LANES // 2, 4),
    "fewer filters than a vector": Case((1, LANES, 4, 5), 3, 1, 3, 4),
    "prime number of rows": Case((1, LANES, 5, 23), 3, 1, LANES, 4),
    "channels at a large power of two": Case((1, 256, 4, 4), 3, 1, LANES, 1),
    "one axis": Case((1, 2 * LANES, 21), 3, 1, LANES, 1),
}


def pair_region(case: Case, vector: int = LANES) -> Graph:
    """relu(relu6(depthwise(x) + bias) * w + bias + residual)."""
    channels, axes = case.x[1], len(case.x) - 2
    pad, one = (case.taps // 2,) * axes, (1,) * axes

    def result(rewriter: Rewriter) -> Value:
        def biased(value: Value, name: str) -> Value:
            return rewriter.emit(
                Add(), value, rewriter.input(name, blocked_type(*per_channel(value.type.shape), lanes=vector))
            )

        x = rewriter.input("x", blocked_type(*case.x, lanes=vector))
        taps = TensorType(DType.F32, (channels, 1, *(case.taps,) * axes), Layout(((0, vector),)))
        op = Conv((case.stride,) * axes, pad, pad, one, channels)
        middle = biased(rewriter.emit(op, x, rewriter.input("taps", taps)), "bias1")
        zero, six = (rewriter.constant(np.array(value, np.float32)) for value in (0, 6))
        middle = rewriter.emit(Minimum(), rewriter.emit(Maximum(), middle, zero), six)
        packed = Layout(((1, vector), (0, case.vectors * vector)))
        w = rewriter.input("w", TensorType(DType.F32, (case.filters, channels, *one), packed))
        total = biased(rewriter.emit(Conv(one, (0,) * axes, (0,) * axes, one), middle, w), "bias2")
        total = rewriter.emit(Add(), total, rewriter.input("residual", blocked_type(*total.type.shape, lanes=vector)))
        return rewriter.emit(Maximum(), total, zero)

    return blocked_region(result, vector)


@pytest.mark.parametrize("name", CASES)
def test_pair_equals_reference_in_all_tilings(name: str) -> None:
    graph = pair_region(CASES[name])
    rows, tiles = (knob.values for knob in DepthwisePointwise().space(graph, HOST).knobs)
    configs = [{"rows": rows[0], "tile": tiles[-1]}, {"rows": rows[-1], "tile": max(tiles)}]
    check_blocked(
        graph, "depthwise_pointwise", [None, *(Choice.of("depthwise_pointwise", config) for config in configs)]
    )


@pytest.mark.parametrize(("filters", "vectors"), [(3 * LANES, 3), (7 * LANES, 4)])
def test_blocks_of_three_vectors_are_left_to_others(filters: int, vectors: int) -> None:
    graph = pair_region(Case((1, LANES, 8, 8), 3, 1, filters, vectors))
    assert not DepthwisePointwise().matches(graph, HOST)


@pytest.mark.parametrize(("name", "halves"), [("znver4", True), ("znver5", False)])
def test_half_a_vector_of_filters_is_multiplied_where_two_units_make_a_vector(name: str, halves: bool) -> None:
    target = resolve(name)
    template, region = DepthwisePointwise(), pair_region(Case((1, 32, 8, 28), 3, 1, 24, 2), target.lanes(4))
    func = template.emit(region, template.space(region, target).default, target, "kernel").func
    code = instructions(assembly(func, llvm(target)), "kernel")
    assert any(line.startswith("vfmadd") and "ymm" in line for line in code) == halves
