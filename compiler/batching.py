"""What is compiled of a model: its graph for its shapes, or with a dynamic batch for tiles of rows and for one row.

Owns how many rows tiles have. All graphs go through the same passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.plan import KernelCall, Plan, RowTile, batched_plan, graph_tasks, plan_graph
from compiler.ir import Graph, Node, Task
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.constant import Constant
from compiler.passes.rows import for_rows, same_for_any_rows
from compiler.targets import Target

ROWS_PER_VECTOR_BYTE = 8
"""A tile has a row for each bit of a vector, which is what kernels that compare rows bit by bit can use."""
FEWER_ROWS = 128
"""A second, smaller tile has a row for each bit of the narrowest vectors: it costs more per row, but is for batches
that would leave most of a large tile empty, or all threads but one without a tile."""
FEWEST_ROWS = 16
"""A tile gets no smaller, however much its rows take."""
SHARE_OF_L2 = 0.5
"""What a tile's values may take of the second-level cache; the rest is for constants."""


@dataclass(frozen=True)
class Forms:
    """The optimized graphs of a model: one for its shapes, or with a dynamic batch several for numbers of rows."""

    main: Graph
    """For the model's shapes, or for ``rows`` rows."""
    rows: int = 0
    """0 without a dynamic batch."""
    smaller: tuple[tuple[int, Graph], ...] = ()
    """For fewer and fewer rows, at last for one; each with its number of rows."""
    same_results: bool = False
    """Whether all of them compute the same bits of a row."""

    @property
    def tiles(self) -> tuple[int, ...]:
        """The numbers of rows that there is code for, the largest first; none without a dynamic batch."""
        return (self.rows, *(rows for rows, _ in self.smaller)) if self.rows else ()

    @property
    def tasks(self) -> dict[Node, Task]:
        """All nodes of all graphs that need a kernel, with their tasks."""
        graphs = (self.main, *(graph for _, graph in self.smaller))
        return {node: task for graph in graphs for node, task in graph_tasks(graph).items()}

    def plan(
        self, tasks: Mapping[Node, Task], kernels: Mapping[Task, KernelInfo], cost: Callable[[Task], float]
    ) -> Plan:
        """The plan; ``cost`` estimates the seconds of a task on one core."""

        def tile_of(rows: int, graph: Graph) -> RowTile:
            own = {node: tasks[node] for node in graph if node in tasks}
            plan = plan_graph(graph, own, kernels)
            calls = (
                replace(call, seconds=cost(call.task)) if isinstance(call, KernelCall) else call for call in plan.calls
            )
            return RowTile(rows, replace(plan, calls=tuple(calls)))

        if not self.smaller:
            return plan_graph(self.main, tasks, kernels)
        tile = tile_of(self.rows, self.main)
        return batched_plan([tile, *(tile_of(*form) for form in self.smaller)], same_results=self.same_results)


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
    smaller = (FEWER_ROWS, 1) if rows > FEWER_ROWS else (1,)
    forms = tuple((fewer, optimize(for_rows(graph, fewer))) for fewer in smaller)
    return Forms(tile, rows, forms, same_for_any_rows(graph))


def _fitting_rows(tile: Graph, rows: int, target: Target) -> int:
    """How many rows, a power of two, keep what a node reads and writes, constants aside, in the second-level cache."""
    most = max((_bytes_at(node) for node in tile), default=0)
    while rows > FEWEST_ROWS and most > SHARE_OF_L2 * target.l2_bytes:
        rows, most = rows // 2, most // 2
    return rows


def _bytes_at(node: Node) -> int:
    """What must stay in a cache; the rows that a bit-sliced forest reads need not: it reads them once, in order."""
    read_once = node.operands[:1] if isinstance(node.op, BitslicedForest) else ()
    values = {*node.operands, *node.results} - {*read_once}
    return sum(v.type.bytes for v in values if v.producer is None or not isinstance(v.producer.op, Constant))
