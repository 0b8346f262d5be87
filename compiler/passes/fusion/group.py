"""``Group``: nodes that will be one kernel, and the question whether one more producer fits in.

A group grows from its root, the node that gives its only result, towards producers. A node joins only if
*all* its users are members, so that no path leaves the group and comes back: every group is convex and has
one result.

Members have a place, which says for which elements they are computed:

* ``RESULT``: for each element of the root's result, at the same position;
* ``OTHER``: in a group with a reduction, on the other side of it: its operand's elements if the root is
  behind the reduction, its result's if the root has the operand's shape;
* ``INSIDE``: wherever a member reads it, at a mapped position or broadcast, perhaps more than once.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.ir.graph import Node
from compiler.ir.op import Op
from compiler.ir.ops import indexing, movement
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.pooling import Pool
from compiler.ir.ops.reduction import ArgReduce, Reduce
from compiler.ir.types import ROW_MAJOR
from compiler.passes.fusion.rows import RowSpace
from compiler.passes.op_kinds import is_cheap, is_elementwise, slice_is_contiguous


class Place(enum.Enum):
    """For which elements a member is computed; see the module's docstring."""

    RESULT = enum.auto()
    OTHER = enum.auto()
    INSIDE = enum.auto()


_INDEX_MAPS = (
    movement.Slice,
    movement.Broadcast,
    movement.Transpose,
    movement.Pad,
    movement.Tile,
    indexing.Gather,
)


def is_index_map(node: Node) -> bool:
    """Whether element i of the result is one element of operand 0, and a plan cannot make the result a
    view."""
    if isinstance(node.op, movement.Slice):
        return not slice_is_contiguous(node.op, node.operands[0].type.shape)
    return isinstance(node.op, _INDEX_MAPS)


def is_heavy_anchor(op: Op) -> bool:
    """Whether an op takes elementwise successors along, in preference to what follows those."""
    return isinstance(op, Conv | MatMul | Pool)


def is_reduction(op: Op) -> bool:
    """Whether an op folds axes of its operand."""
    return isinstance(op, Reduce | ArgReduce)


def is_fusable(node: Node) -> bool:
    """Whether a node can be a member of a group at all; only weights may have a blocked layout."""
    known = is_elementwise(node.op) or is_reduction(node.op) or is_heavy_anchor(node.op) or is_index_map(node)
    data = node.operands[:1] if isinstance(node.op, Conv | MatMul) else node.operands
    return known and all(value.type.layout == ROW_MAJOR for value in (*data, *node.results))


@dataclass(eq=False)
class Group:
    """A group under construction; ``add`` what ``place_for`` accepts.

    ``row_spaces`` says of values over which rows they were reduced (see ``rows``).
    """

    root: Node
    row_spaces: Mapping[Node, RowSpace]
    places: dict[Node, Place] = field(default_factory=lambda: dict[Node, Place]())
    anchor: Node | None = None
    rows: RowSpace | None = None
    """The rows that the reductions of the group fold, if all are row reductions of one shape."""
    has_rows: bool = False
    """Whether values behind a reduction meet values before one, as in softmax; then all run row by row."""

    def __post_init__(self) -> None:
        self.root_is_full = False
        self._index_maps = 0
        self._evaluations: dict[Node, int] = {}
        self.add(self.root, Place.RESULT)

    def __len__(self) -> int:
        return len(self.places)

    def add(self, node: Node, place: Place) -> None:
        """Make ``node`` a member."""
        if place is Place.OTHER and self.rows is None and self.anchor is None:
            self.rows = self.row_spaces[node]
            self.root_is_full = True
        self.places[node] = place
        self._index_maps += is_index_map(node)
        if is_reduction(node.op) or is_heavy_anchor(node.op):
            self._add_anchor(node)
        if place is Place.INSIDE:
            self._evaluations[node] = max(self.evaluations(user) for user in node.result.users)

    def _add_anchor(self, node: Node) -> None:
        if self.anchor is None:
            self.anchor = node
            self.rows = self.rows or self.row_spaces.get(node)
            self.has_rows = self.root_is_full
        else:
            self.has_rows = True

    @property
    def has_index_maps(self) -> bool:
        """Whether a member only moves elements."""
        return self._index_maps > 0

    @property
    def expects_a_reduction(self) -> bool:
        """Whether a member was let in as a row's value, but the reduction behind it was not."""
        return self.rows is not None and self.anchor is None

    @property
    def kind(self) -> str:
        """What the kernel is: ``pointwise``, ``rows``, or the name of the anchor's op."""
        if self.anchor is None:
            return "pointwise"
        return "rows" if self.has_rows else self.anchor.op.name

    @property
    def full_place(self) -> Place:
        """The place of the reduction's operand."""
        return Place.RESULT if self.root_is_full else Place.OTHER

    @property
    def row_place(self) -> Place:
        """The place of the reduction's result."""
        return Place.OTHER if self.root_is_full else Place.RESULT

    def evaluations(self, node: Node) -> int:
        """How many elements of a member are computed."""
        if self.places[node] is Place.INSIDE:
            return self._evaluations[node]
        return self._evaluations_at(node, self.places[node])

    def _evaluations_at(self, node: Node, place: Place) -> int:
        if place is Place.OTHER and self.anchor is not None and isinstance(self.anchor.op, Pool):
            return self.anchor.result.type.elements * math.prod(self.anchor.op.window)
        return node.result.type.elements

    def place_for(self, node: Node) -> Place | None:
        """Where ``node``, all of whose users are members, would be; None if it does not fit in."""
        if is_heavy_anchor(node.op):
            return self._place_anchor(node)
        if is_reduction(node.op):
            return self._place_reduction(node)
        if is_elementwise(node.op):
            return self._place_elementwise(node)
        return self._place_index_map(node) if is_index_map(node) else None

    def _place_anchor(self, node: Node) -> Place | None:
        direct = all(self._reads_directly(user, node) for user in node.result.users)
        return Place.RESULT if direct and self.anchor is None and not self._index_maps else None

    def _place_reduction(self, node: Node) -> Place | None:
        users = node.result.users
        if not all(is_elementwise(user.op) for user in users):
            return None
        if self.anchor is None and all(self._reads_directly(user, node) for user in users):
            return Place.RESULT
        places = {self._place_of_row_value(user, node) for user in users}
        return places.pop() if len(places) == 1 else None

    def _place_elementwise(self, node: Node) -> Place | None:
        places = {self._place_of_use(user, node) for user in node.result.users}
        if len(places) != 1 or (place := places.pop()) is None:
            return None
        if place is not Place.INSIDE:
            count = self._evaluations_at(node, place)
        elif len(node.result.uses) == 1:
            count = self.evaluations(node.result.users[0])
        else:
            return None  # read at several positions: its work, and that of all behind it, would multiply
        return place if is_cheap(node.op) or count <= node.result.type.elements else None

    def _place_of_use(self, user: Node, node: Node) -> Place | None:
        """Where ``user`` would read ``node``, an elementwise node; None if it cannot."""
        if isinstance(user.op, Conv | MatMul):
            return None
        if isinstance(user.op, Pool):
            return Place.OTHER
        if is_reduction(user.op):
            return self.full_place
        if not is_elementwise(user.op):
            return Place.INSIDE if node.result is user.operands[0] else None
        if node.result.type.shape == user.result.type.shape:
            return self.places[user]
        return self._place_of_row_value(user, node) or Place.INSIDE

    def _place_of_row_value(self, user: Node, node: Node) -> Place | None:
        """Where ``user``, an elementwise member, would read a value that it has once per row."""
        if self._index_maps or self.places[user] is Place.INSIDE:
            return None
        if self.rows is not None:
            at_rows = node.result.type.shape == self.rows.row_shape
            is_other_reduction = is_reduction(node.op) and self.row_spaces.get(node) != self.rows
            return self.row_place if at_rows and not is_other_reduction else None
        space = self.row_spaces.get(node)
        starts_rows = space is not None and self.anchor is None and space.full_shape == self.root.result.type.shape
        return Place.OTHER if starts_rows else None

    def _place_index_map(self, node: Node) -> Place | None:
        if self.has_rows or self.expects_a_reduction or len(node.result.uses) != 1:
            return None
        if self.anchor is not None and not is_reduction(self.anchor.op):
            return None
        (user,) = node.result.users
        reads_operand = is_index_map(user) and user.operands[0] is node.result
        return Place.INSIDE if is_elementwise(user.op) or is_reduction(user.op) or reads_operand else None

    def _reads_directly(self, user: Node, node: Node) -> bool:
        """Whether ``user`` reads element i of ``node`` only for element i of the group's result."""
        same = node.result.type.shape == user.result.type.shape
        return is_elementwise(user.op) and same and self.places[user] is Place.RESULT
