"""``Task``: one kernel workload, identified by the canonical text of a fused region.

Two groups with the same ops, attributes, types and inline constants are one task, whatever model they come
from: one kernel, one object in the cache, one row of the tuning database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from compiler.ir.graph import Graph, Node
from compiler.ir.op import Op
from compiler.ir.ops.region import Fused
from compiler.ir.parser import parse_graph
from compiler.ir.printer import print_graph
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class Task:
    """A region to compile. ``text`` is canonical: positional names, no origins. Large constants must be operands.

    ``region`` is the same parsed, where it is at hand.
    """

    text: str
    region: Graph | None = field(default=None, compare=False, repr=False)

    @staticmethod
    def of(region: Graph) -> Task:
        """The task that a region is."""
        canonical = _canonical(region)
        return Task(print_graph(canonical), canonical)

    @cached_property
    def hash(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def graph(self, ops: Iterable[type[Op]] = ()) -> Graph:
        """The region; ``ops`` adds op classes from outside the tree to those that are known if it must be parsed."""
        return self.region or parse_graph(self.text, ops=ops)


def task_of(node: Node) -> Task:
    """The task that computes ``node``: its region if it is ``fused``, else a region of that one op."""
    if isinstance(node.op, Fused):
        return Task.of(node.regions[0])
    return task_of_op(node.op, [operand.type for operand in node.operands], node.regions)


def task_of_op(op: Op, operands: Sequence[TensorType], regions: Sequence[Graph] = ()) -> Task:
    """The task that computes one op on operands of these types."""
    single = Graph("task")
    rewriter = Rewriter(single)
    node = rewriter.node(op, [rewriter.input(f"in{i}", type_) for i, type_ in enumerate(operands)], regions)
    for index, result in enumerate(node.results):
        rewriter.output(f"out{index}", result)
    return Task.of(single)


def _canonical(region: Graph) -> Graph:
    copy = Graph("task")
    rewriter = Rewriter(copy)
    mapping = {value: rewriter.input(f"in{i}", value.type) for i, value in enumerate(region.inputs)}
    for node in region:
        regions = [_canonical(nested) for nested in node.regions]
        made = rewriter.node(node.op, [mapping[operand] for operand in node.operands], regions)
        mapping.update(zip(node.results, made.results, strict=True))
    for index, output in enumerate(region.outputs):
        rewriter.output(f"out{index}", mapping[output])
    return copy
