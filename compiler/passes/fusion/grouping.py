"""Partition the nodes of a graph into groups, greedily from the end, in linear time.

Three sweeps, because an elementwise op is worth most behind a convolution, matmul or pool, where it costs
nothing:

1. Those anchors take the elementwise ops behind them.
2. What is left forms pointwise groups, reductions with what they read and what follows, and rows (softmax,
   normalizations); pools take cheap elementwise ops before them.
3. A pointwise group that only an anchor's group reads joins it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compiler.ir.graph import Graph, Node
from compiler.ir.ops.pooling import Pool
from compiler.passes.fusion.group import Group, Place, is_fusable, is_heavy_anchor
from compiler.passes.fusion.rows import RowSpace, row_spaces
from compiler.passes.op_kinds import is_elementwise


class Grouping:
    """The groups of a graph; every fusable node is in exactly one, perhaps alone."""

    def __init__(self, graph: Graph, max_ops: int) -> None:
        self.max_ops = max_ops
        self.group_of: dict[Node, Group] = {}
        self._row_spaces = row_spaces(graph)
        self._pools_are_open = False
        fusable = [node for node in reversed(graph) if is_fusable(node)]
        self._follow_anchors(fusable)
        self._gather_producers(fusable)
        self._join_anchors()

    def groups(self) -> Iterator[Group]:
        """Each group once."""
        yield from dict.fromkeys(self.group_of.values())

    def _follow_anchors(self, nodes: list[Node]) -> None:
        for node in nodes:
            if is_elementwise(node.op) or is_heavy_anchor(node.op):
                self._join_or_start(node)
        for group in list(self.groups()):
            self._keep_path(group)

    def _keep_path(self, group: Group) -> None:
        """Keep what computes on the anchor's result; the second sweep finds the best place for the rest."""
        for node in group.places:
            del self.group_of[node]
        if group.anchor is None:
            return
        path = {group.anchor}
        kept: list[Node] = []
        for node in reversed(group.places):  # producers before users
            if node is group.anchor or any(operand.producer in path for operand in node.operands):
                path.add(node)
                kept.append(node)
        rebuilt = Group(group.root, self._row_spaces)
        for node in reversed(kept[:-1]):
            rebuilt.add(node, Place.RESULT)
        self.group_of.update(dict.fromkeys(kept, rebuilt))

    def _gather_producers(self, nodes: list[Node]) -> None:
        self._pools_are_open = True
        for node in nodes:
            if node not in self.group_of:
                self._join_or_start(node)
        for group in list(self.groups()):
            if group.expects_a_reduction:
                self._regroup_without_rows(group)

    def _regroup_without_rows(self, group: Group) -> None:
        """What a row computes once is an element's work without the reduction: group the members again."""
        for node in group.places:
            del self.group_of[node]
        for node in group.places:  # users before producers
            self._join_or_start(node, {})

    def _join_anchors(self) -> None:
        for group in list(self.groups()):
            wider = self._only_reader(group.root)
            if group.anchor is not None or group.has_index_maps or wider is None or wider.anchor is None:
                continue
            fits = len(wider) + len(group) <= self.max_ops
            if fits and is_heavy_anchor(wider.anchor.op) and wider.place_for(group.root) is Place.RESULT:
                for node, place in group.places.items():
                    wider.add(node, place)
                    self.group_of[node] = wider

    def _join_or_start(self, node: Node, row_spaces: Mapping[Node, RowSpace] | None = None) -> None:
        group = self._only_reader(node)
        place = group.place_for(node) if group is not None and self._is_open(group) else None
        if group is None or place is None:
            self.group_of[node] = Group(node, self._row_spaces if row_spaces is None else row_spaces)
        else:
            group.add(node, place)
            self.group_of[node] = group

    def _is_open(self, group: Group) -> bool:
        """Whether a group takes producers: the first sweep stops at anchors, later ones at all but pools."""
        closed = group.anchor is not None and is_heavy_anchor(group.anchor.op)
        opened = self._pools_are_open and group.anchor is not None and isinstance(group.anchor.op, Pool)
        return (opened or not closed) and len(group) < self.max_ops

    def _only_reader(self, node: Node) -> Group | None:
        """The one group that all users of the node's result are in."""
        group: Group | None = None
        for use in node.result.uses:
            reader = self.group_of.get(use.node)
            if reader is None or (group is not None and reader is not group):
                return None
            group = reader
        return group
