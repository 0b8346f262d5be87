"""Changes of layout at run time: every stored byte, in memory that a kernel cannot leave unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest

from compiler.codegen.plan.packing import pack
from compiler.codegen.space import Choice
from compiler.ir import ROW_MAJOR, DType, Graph, Layout, Rewriter, Shape, TensorType
from compiler.ir.literal import Array
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.sampling import random_array
from tests.codegen.task_kernels import LoadedKernel, load_kernels
from tests.differential.guarded import Arena, call_guarded

SHAPES: dict[str, tuple[Shape, int]] = {
    "whole squares": ((1, 64, 8, 16), 16),
    "overlapping squares": ((2, 48, 7, 7), 16),
    "tail of channels": ((2, 37, 5, 9), 16),
    "fewer channels than a block": ((1, 3, 30, 41), 16),
    "fewer pixels than a square": ((1, 20, 3, 5), 16),
    "three pixels": ((1, 20, 3), 16),
    "one pixel": ((2, 40, 1, 1), 16),
    "rows of a matrix": ((3, 37), 16),
    "several chunks": ((1, 33, 20, 33), 16),
    "blocks of two vectors": ((1, 50, 6, 7), 32),
    "blocks of half a vector": ((1, 21, 6, 7), 8),
    "blocks of a quarter": ((1, 10, 9, 5), 4),
    "blocks that are no power of two": ((1, 10, 4, 5), 3),
}


def relayout_graph(dtype: DType, shape: Shape, before: Layout, after: Layout) -> Graph:
    """The region of one change of layout."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(dtype, shape, before))
    rewriter.output("y", rewriter.emit(Relayout(after), x))
    return graph


def stored_results(kernels: Sequence[LoadedKernel], operand: Array) -> list[tuple[LoadedKernel, Array]]:
    """Each kernel with its result as stored, every iteration run on its own and from the last to the first; once with
    arrays that end at an inaccessible page, and once with such that start there."""
    results: list[tuple[LoadedKernel, Array]] = []
    calls: list[Callable[[], None]] = []
    for kernel in kernels:
        ((x,), (y,)) = kernel.graph.inputs, kernel.graph.outputs
        for flush_end in (True, False):
            arena = Arena(flush_end=flush_end)
            source = arena.array(np.array(pack(operand, x.type.layout)))
            result = arena.array(np.full(y.type.physical_shape, 77, operand.dtype))
            results.append((kernel, result))
            calls.append(partial(_call_backwards, kernel, [source, result]))
    call_guarded(*calls)
    return results


def _call_backwards(kernel: LoadedKernel, arrays: Sequence[Array]) -> None:
    for number in reversed(range(kernel.info.extent)):
        kernel.call(arrays, number, number + 1)


CASES = [
    *((name, dtype) for name in SHAPES for dtype in (DType.F32, DType.I8)),
    # As wide as i8: what differs is how a zero is written.
    *((name, DType.BOOL) for name in ("tail of channels", "blocks that are no power of two")),
]


@pytest.mark.parametrize(("name", "dtype"), CASES, ids=lambda part: part if isinstance(part, str) else part.value)
def test_blocks_are_made_with_zeros_behind_the_channels_and_taken_apart(name: str, dtype: DType) -> None:
    shape, block = SHAPES[name]
    layout = Layout(((1, block),))
    operand = random_array(*shape, dtype=dtype)
    made, apart = relayout_graph(dtype, shape, ROW_MAJOR, layout), relayout_graph(dtype, shape, layout, ROW_MAJOR)
    chunked = Choice.of("relayout", {"pixels": 128})
    kernels = load_kernels([(made, None), (apart, None), (made, chunked), (apart, chunked)])
    for kernel, actual in stored_results(kernels, operand):
        (y,) = kernel.graph.outputs
        assert actual.tobytes() == pack(operand, y.type.layout).tobytes()
