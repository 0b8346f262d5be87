"""Regions over blocked activations in tests: how to make them, and what must be true of their kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from compiler.codegen.plan.packing import pack, unpack
from compiler.codegen.space import Choice
from compiler.ir import DType, Graph, Layout, Rewriter, Shape, TensorType, Value
from compiler.ir.interpreter import run_graph
from compiler.ir.literal import Array
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.sampling import random_array
from tests.codegen.task_kernels import HOST, LoadedKernel, blank_results, load_kernels
from tests.differential.guarded import Arena, call_guarded

LANES = HOST.lanes(4)
BLOCKED = Layout(((1, LANES),))


def blocked_type(*shape: int, lanes: int = LANES) -> TensorType:
    """float32 activations in blocks of one vector of channels."""
    return TensorType(DType.F32, shape, Layout(((1, lanes),)))


def blocked_region(result: Callable[[Rewriter], Value], lanes: int = LANES) -> Graph:
    """The region whose only result is what ``result`` emits, blocked."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    rewriter.output("y", rewriter.emit(Relayout(Layout(((1, lanes),))), result(rewriter)))
    return graph


def row_major_region(result: Callable[[Rewriter], Value]) -> Graph:
    """The same with a row-major result."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    rewriter.output("y", result(rewriter))
    return graph


def random_operands(graph: Graph) -> list[Array]:
    """Seeded logical operands."""
    return [random_array(*value.type.shape, dtype=value.type.dtype, seed=i) for i, value in enumerate(graph.inputs)]


def check_blocked(graph: Graph, template: str, choices: Iterable[Choice | None] = (None,)) -> None:
    """``template`` computes the region as the reference does with each choice of knobs."""
    operands = random_operands(graph)
    expected = run_graph(graph, operands)
    kernels = load_kernels([(graph, choice) for choice in choices])
    assert {kernel.info.template.split("/")[0] for kernel in kernels} == {template}
    for actual in run_guarded([kernel for kernel in kernels for _ in range(2)], operands):
        check_results(actual, expected)


def check_results(actual: Sequence[Array], expected: Sequence[Array]) -> None:
    """Equal but for the rounding of sums, relative to the largest element."""
    for got, want in zip(actual, expected, strict=True):
        finite = np.abs(want[np.isfinite(want)])
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * max(finite.max(initial=0), 1e-30))


def run_guarded(kernels: Sequence[LoadedKernel], operands: Sequence[Array]) -> list[list[Array]]:
    """The logical results of each kernel, of two parts of which the second ran first, without a byte outside any array
    touched; lanes beyond the channels of blocked activations held NaN.

    Arrays end at inaccessible pages for the first kernel, start at them for the next one, and so on.
    """
    results: list[list[Array]] = []
    calls: list[Callable[[], None]] = []
    for number, kernel in enumerate(kernels):
        arena = Arena(flush_end=number % 2 == 0)
        stored = [
            arena.array(poisoned(array, value.type)) for array, value in zip(operands, kernel.graph.inputs, strict=True)
        ]
        results.append([arena.array(array) for array in blank_results(kernel)])
        calls.append(partial(_call_in_two_parts, kernel, [*stored, *results[-1]]))
    call_guarded(*calls)
    return [
        [
            unpack(array, value.type.layout, value.type.shape)
            for array, value in zip(arrays, kernel.graph.outputs, strict=False)
        ]
        for arrays, kernel in zip(results, kernels, strict=True)
    ]


def _call_in_two_parts(kernel: LoadedKernel, arrays: Sequence[Array]) -> None:
    middle, end = kernel.info.extent // 2, kernel.info.extent
    kernel.call(arrays, middle, end)
    kernel.call(arrays, 0, middle)


def poisoned(array: Array, type_: TensorType) -> Array:
    """A logical array as it is stored, with NaN where blocks of channels have no channel."""
    stored = np.array(pack(array, type_.layout))
    if [axis for axis, _ in type_.layout.blocks] == [1] and type_.dtype is DType.F32:
        stored[pack(np.ones_like(array), type_.layout) == 0] = np.nan
    return stored


def per_channel(shape: Shape) -> Shape:
    """The shape of one value per channel of a value of ``shape``."""
    return (1, shape[1], *(1 for _ in shape[2:]))
