"""Strategies for whole graphs over the op table, with attributes and shapes of their own.

They complement ``tests.ir.strategies``, which knows no op by name but has only the attributes of the ops' samples.
Each module has the steps of a kind of ops, ``STEPS``, and the ops that they emit, ``COVERED``.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from compiler.ir import DType, Op, TensorType, Value
from compiler.ir.ops import binary, quantization, unary
from tests.differential.drawing import BINARY, NUMBERS, UNARY, Drawn, Region, draw_shape, elementwise_step
from tests.differential.graphs import contraction, forest, indexing, movement, reduction
from tests.differential.graphs.step import LIMIT, Step


@st.composite
def graphs(draw: st.DrawFn, max_steps: int = 8) -> Drawn:
    """A graph of up to ``max_steps`` steps, each on one of the values so far; unused results are outputs."""
    region = Region(draw, "plain")
    first = region.input(TensorType(region.one_of(NUMBERS), draw_shape(region, (0, 4), LIMIT)))
    return _steps(region, first, STEPS, max_steps)


@st.composite
def forest_graphs(draw: st.DrawFn, max_steps: int = 4) -> Drawn:
    """A graph of ``graphs`` that mostly consists of forests."""
    region = Region(draw, "plain")
    rows, features = region.one_of((1, 3, 64, 150, 600)), region.one_of((1, 2, 3, 5))
    first = region.input(TensorType(DType.F32, (rows, features)))
    return _steps(region, first, (*(forest.any_forest,) * 3, _elementwise), max_steps)


def _steps(region: Region, first: Value, steps: Sequence[Step], most: int) -> Drawn:
    values = [first]
    for _ in range(region.number(1, most)):
        value = values[-1] if region.chance(2) else region.one_of(values)
        made = region.one_of(steps)(region, value)
        if made is not value and made.type.elements <= LIMIT:
            values.append(made)
    unused = [value for node in region.graph for value in node.results if not value.uses]
    return region.finish(*(unused or values[-1:]))


def _elementwise(region: Region, value: Value) -> Value:
    return elementwise_step(region, value, value.type.shape)


STEPS: tuple[Step, ...] = (
    *(_elementwise,) * 8,
    *(*movement.STEPS, *reduction.STEPS, *contraction.STEPS, *indexing.STEPS, *forest.STEPS),
)

COVERED: frozenset[type[Op]] = frozenset(
    (
        *(*UNARY, *BINARY, unary.Cast, binary.Select, quantization.Quantize, quantization.Dequantize),
        *(*movement.COVERED, *reduction.COVERED, *contraction.COVERED, *indexing.COVERED, *forest.COVERED),
    )
)
"""The ops that a graph may have; a test compares this with the op table."""
