"""What is compiled of a model: its graph for its shapes, or with a dynamic batch for a tile of rows and for one row.

Owns how many rows a tile has. The two graphs go through the same passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.plan import Plan, batched_plan, graph_tasks, plan_graph
from compiler.ir import Graph, Node, Task
from compiler.ir.ops.constant import Constant
from compiler.passes.rows import for_rows
from compiler.targets import Target

ROWS_PER_VECTOR_BYTE = 8
"""A tile has a row for each bit of a vector, which is what kernels that compare rows bit by bit can use."""
FEWEST_ROWS = 16
"""A tile gets no smaller, however much its rows take."""
SHARE_OF_L2 = 0.5
"""What a tile's values may take of the second-level cache; the rest is for constants."""


@dataclass(frozen=True)
class Forms:
    """Optimized graphs: ``main`` is for the model's shapes, or for ``rows`` rows, and then ``row`` is for one."""

    main: Graph
    row: Graph | None = None
    rows: int = 0

    @property
    def tasks(self) -> dict[Node, Task]:
        """Of all nodes of both that need a kernel."""
        return graph_tasks(self.main) | (graph_tasks(self.row) if self.row else {})

    def plan(
        self, tasks: Mapping[Node, Task], kernels: Mapping[Task, KernelInfo], cost: Callable[[Task], float]
    ) -> Plan:
        """The plan; ``cost`` estimates the seconds of a task on one core."""

        def plan_of(graph: Graph) -> tuple[Plan, float]:
            own = {node: tasks[node] for node in graph if node in tasks}
            return plan_graph(graph, own, kernels), sum(map(cost, own.values()))

        plan, seconds = plan_of(self.main)
        if self.row is None:
            return plan
        row_plan, row_seconds = plan_of(self.row)
        return batched_plan(plan, row_plan, self.rows, seconds, row_seconds)


def fixed(graph: Graph, optimize: Callable[[Graph], Graph]) -> Forms:
    """A model of fixed shapes."""
    return Forms(optimize(graph))


def batched(graph: Graph, target: Target, optimize: Callable[[Graph], Graph]) -> Forms:
    """A model of any number of rows, of which ``graph`` is that of one. Raises NotRowWise, and what passes raise."""
    rows = ROWS_PER_VECTOR_BYTE * target.vector_bytes
    tile = optimize(for_rows(graph, rows))
    fitting = _fitting_rows(tile, rows, target)
    if fitting < rows:
        rows, tile = fitting, optimize(for_rows(graph, fitting))
    return Forms(tile, optimize(for_rows(graph, 1)), rows)


def _fitting_rows(tile: Graph, rows: int, target: Target) -> int:
    """How many rows, a power of two, keep what a node reads and writes, constants aside, in the second-level cache."""
    most = max((_bytes_at(node) for node in tile), default=0)
    while rows > FEWEST_ROWS and most > SHARE_OF_L2 * target.l2_bytes:
        rows, most = rows // 2, most // 2
    return rows


def _bytes_at(node: Node) -> int:
    values = {*node.operands, *node.results}
    return sum(v.type.bytes for v in values if v.producer is None or not isinstance(v.producer.op, Constant))
