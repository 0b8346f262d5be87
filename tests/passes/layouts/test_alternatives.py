"""Which of a convolution's forms is taken, when the costs are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from compiler.ir import DType, Graph, Layout, TensorType
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.winograd import WinogradConv
from compiler.ir.rewriter import Rewriter
from compiler.ir.task import Task
from compiler.passes.layouts.alternatives import SECONDS_PER_ADDED_BYTE, alternatives
from compiler.passes.layouts.regions import only_node

CHANNELS = 32
BLOCKS = Layout(((1, 16),))
POINT = CHANNELS * CHANNELS * 4 * SECONDS_PER_ADDED_BYTE
"""What one more weight per pair of channels must save, seconds."""


def taken(two: float, four: float) -> int:
    """Outputs of the tiles of the blocked form that is taken, 0 for the direct one, if Winograd's algorithm saves so
    much in tiles of 2x2 and of 4x4: in prices of a point."""
    graph = Graph("main")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (1, CHANNELS, 14, 14)))
    weights = rewriter.constant(np.ones((CHANNELS, CHANNELS, 3, 3), np.float32))
    conv = rewriter.node(Conv((1, 1), (1, 1), (1, 1), (1, 1), 1), [x, weights])
    rewriter.output("y", conv.result)
    saved = {0: 0.0, 2: two, 4: four}

    def costs(ways: Sequence[Sequence[Task]]) -> list[float]:
        return [sum(1.0 - saved[_outputs(task.graph())] * POINT for task in way) for way in ways]

    forms = [one.form for one in alternatives(conv, BLOCKS, costs)]
    (form,) = (form for form in forms if form.result == form.operands[0] == BLOCKS)
    assert form.region is not None
    return _outputs(form.region)


def _outputs(region: Graph) -> int:
    node = only_node(region, WinogradConv)
    return node.op.outputs if node is not None and isinstance(node.op, WinogradConv) else 0


@pytest.mark.parametrize(
    ("two", "four", "expected"),
    [
        (6.9, 26.9, 0),  # 16 - 9 and 36 - 9 weights more: neither saves what it takes
        (7.1, 26.9, 2),
        (6.9, 27.1, 4),
        (8.0, 27.9, 2),  # the larger is faster, but not by what its 20 points more are worth
        (8.0, 28.1, 4),
    ],
)
def test_weights_that_are_added_must_save_their_price(two: float, four: float, expected: int) -> None:
    assert taken(two, four) == expected
