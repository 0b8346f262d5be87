"""A task in one line, for people: what it computes, of which shapes."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.codegen.work import node_flops
from compiler.ir import Graph, Node, Op, Task
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Relayout
from compiler.ir.parser import ParseError

MOST_OTHERS = 6
"""Ops that are named beside the main one, at most."""


def describe(task: Task, ops: Iterable[type[Op]] = ()) -> str:
    """The op that most operations belong to with the types of its operands, the types of the task's results, and the
    names of the ops that are computed with it: ``conv f32[1,3,8,8] f32[16,3,3,3] -> f32[1,16,8,8] with add, maximum``.

    Of a task with an op that neither is in the tree nor in ``ops``: the longest line of its text.
    """
    try:
        region = task.graph(ops)
    except ParseError:
        return max((line.strip() for line in task.text.splitlines()[1:]), key=len, default=task.text)
    nodes = _telling(region)
    if not nodes:
        return "nothing"
    main = max(nodes, key=node_flops)
    operands = " ".join(str(operand.type) for operand in main.operands)
    results = " ".join(str(result.type) for result in region.outputs)
    return f"{main.op.name} {operands}{_strides(main.op)} -> {results}{_others(nodes, main)}"


def _telling(region: Graph) -> list[Node]:
    """The nodes that say what a region is for: layouts and constants only where there is nothing else."""
    nodes = list(region)
    return [node for node in nodes if not isinstance(node.op, Relayout | Constant)] or nodes


def _strides(op: Op) -> str:
    strides: tuple[int, ...] = getattr(op, "strides", ())
    return f" stride {'x'.join(map(str, strides))}" if any(stride != 1 for stride in strides) else ""


def _others(nodes: list[Node], main: Node) -> str:
    names = [node.op.name for node in nodes if node is not main]
    more = [f"{len(names) - MOST_OTHERS} more"] if len(names) > MOST_OTHERS else []
    return f" with {', '.join([*names[:MOST_OTHERS], *more])}" if names else ""
