"""Kernels that exist on paper only: what the planner wants to know, without a compiler."""

from __future__ import annotations

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.plan import Plan, graph_tasks, plan_graph
from compiler.ir import Graph, Task
from compiler.ir.ops.binary import Binary
from compiler.ir.ops.unary import Unary


def paper_kernel(symbol: str, in_place: tuple[int, ...]) -> KernelInfo:
    """A kernel of one iteration."""
    return KernelInfo(symbol, 1, 0, 1.0, 2.0, in_place, "paper", "")


def paper_kernels(tasks: set[Task]) -> dict[Task, KernelInfo]:
    """One kernel per task: elementwise ones may overwrite operands of the result's type, others none."""
    return {task: paper_kernel(f"kernel_{task.hash}", _in_place(task.graph())) for task in tasks}


def paper_plan(graph: Graph) -> Plan:
    """A plan of ``graph`` for kernels on paper."""
    tasks = graph_tasks(graph)
    return plan_graph(graph, tasks, paper_kernels(set(tasks.values())))


def _in_place(region: Graph) -> tuple[int, ...]:
    if not all(isinstance(node.op, Unary | Binary) for node in region) or len(region.outputs) != 1:
        return ()
    return tuple(i for i, value in enumerate(region.inputs) if value.type == region.outputs[0].type)
