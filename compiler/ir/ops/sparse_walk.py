"""``sparse_walk``: where rows end in trees of any shape, by as many steps for every row; a row waits in its leaf.

The op is one algorithm, spelled out in its tables, so that a kernel depends on their sizes only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest.keys import row_keys
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.forest import sample_rows
from compiler.ir.ops.perfect_walk import keys_of_row
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class SparseWalk(Op):
    """``x f32[rows, features]`` to ``i32[rows, trees]``: the name of the node in which each row is after all steps.

    ``node i32[nodes, 4]``: an edge, a source, a child and the node's name. A step leads from a node to its child, or,
    where ``key < edge``, to the node behind that. The key is number ``source`` of the row's keys, as in
    ``perfect_walk``. A leaf is its own child, with the least integer as edge. Roots, ``root i32[trees]``, and children
    have a node behind them, so that the last node is none: other numbers count as the last but one.
    """

    name = "sparse_walk"

    steps: int

    def infer(self, x: TensorType, root: TensorType, node: TensorType) -> tuple[TensorType, ...]:
        require(self.steps >= 0, "steps must not be negative")
        require(x.dtype is DType.F32 and x.rank == 2 and x.shape[1] > 0, "x must be f32[rows, features]")
        require(root.dtype is DType.I32 and root.rank == 1, "root must be i32[trees]")
        require(node.dtype is DType.I32 and node.rank == 2 and node.shape[1] == 4, "node must be i32[nodes, 4]")
        require(node.shape[0] > 1, "there must be two nodes or more")
        return (TensorType(DType.I32, (x.shape[0], root.shape[0])),)

    def evaluate(self, x: Array, root: Array, node: Array) -> tuple[Array, ...]:
        keys = np.zeros((len(x), keys_of_row(x.shape[1])), np.int32)
        keys[:, : 2 * x.shape[1]] = row_keys(x)
        row, last = np.arange(len(x))[:, None], np.uint32(len(node) - 2)
        place = np.broadcast_to(np.minimum(root.view(np.uint32), last), (len(x), root.size))
        for _ in range(self.steps):
            edge, source, child, _ = np.moveaxis(node[place], 2, 0)
            holds = keys[row, source & (keys.shape[1] - 1)] < edge
            place = np.minimum(child.astype(np.uint32), last) + holds
        return (node[place, 3],)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [_sample(9, 3, 21, 4), _sample(2, 1, 1, 0), _sample(1, 5, 16, 13)]


def _sample(rows: int, features: int, trees: int, steps: int) -> Sample:
    """Edges near the values of rows; some numbers out of range."""
    generator, nodes = np.random.default_rng((rows, trees, steps)), 40
    columns = (
        generator.choice(row_keys(sample_rows(50, 2)).reshape(-1), nodes),
        generator.integers(-1, 2 * features + 1, nodes, np.int32),
        generator.integers(-2, nodes + 2, nodes, np.int32),
        np.arange(nodes, dtype=np.int32),
    )
    root = generator.integers(-1, nodes + 1, trees, np.int32)
    return Sample(SparseWalk(steps), (sample_rows(rows, features), root, np.stack(columns, axis=1)))
