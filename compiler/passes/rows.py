"""``for_rows``: from the model of one row to the same model of any number of rows.

Owns what an op must be like to map rows to rows, each by itself, and to do so to the bit (``same_for_any_rows``). A row
is dimension 0, of size 1, of every input, and of every value that depends on one; whatever does not, a constant, serves
all rows. Most ops do with N rows what they do with one; some name the number of rows among their attributes, and some
mix rows. Those are refused, as is any op that has no line here.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.op import InferenceError, Op
from compiler.ir.ops.bits import Bitcast
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.indexing import Gather, GatherElements
from compiler.ir.ops.movement import Broadcast, Concat, Pad, Reshape, Slice, Tile, Transpose
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.pooling import Pool
from compiler.ir.ops.reduction import ArgReduce, Cumulative, Reduce, ReduceMax, ReduceMin
from compiler.ir.ops.resampling import Resample
from compiler.ir.ops.sorting import TopK
from compiler.ir.rewriter import Rewriter, clone
from compiler.ir.types import TensorType
from compiler.passes.op_kinds import is_elementwise


class NotRowWise(ValueError):
    """A model does not map rows to rows; the message names the place."""


def for_rows(graph: Graph, rows: int) -> Graph:
    """The model of ``rows`` rows that computes of each what ``graph``, a model of one, computes of it. Raises
    NotRowWise."""
    return _Copy(graph, rows).made()


def same_for_any_rows(graph: Graph) -> bool:
    """Whether kernels for any number of rows compute the same bits of a row: no op leaves the order of a sum open."""
    return all(_is_exact(node.op) for node in graph)


_EXACT = (
    ArgReduce,
    Bitcast,
    Broadcast,
    Concat,
    Constant,
    ForestLeaves,
    ForestSums,
    Gather,
    GatherElements,
    OrderedSum,
    Pad,
    ReduceMax,
    ReduceMin,
    Reshape,
    Slice,
    Tile,
    TopK,
    Transpose,
)
"""Ops of which every kernel has the same results: they move or compare values, or say in which order they add."""


def _is_exact(op: Op) -> bool:
    return is_elementwise(op) or isinstance(op, _EXACT)


class _Copy:
    def __init__(self, graph: Graph, rows: int) -> None:
        self.graph = graph
        self.rows = rows
        self.copy = Graph(graph.name)
        self.rewriter = Rewriter(self.copy)
        self.values: dict[Value, Value] = {}
        self.by_row: set[Value] = set()
        """Values of ``graph`` that are a row."""

    def made(self) -> Graph:
        if not self.graph.inputs:
            raise NotRowWise("a model without inputs has no rows")
        for name, value in zip(self.graph.input_names, self.graph.inputs, strict=True):
            if value.type.shape[:1] != (1,):
                raise NotRowWise(f"input {name!r} is {value.type}: of one row, dimension 0 must be 1")
            self.values[value] = self.rewriter.input(name, self.type_of(value))
            self.by_row.add(value)
        for node in self.graph:
            self.add(node)
        for name, value in zip(self.graph.output_names, self.graph.outputs, strict=True):
            if value not in self.by_row:
                raise NotRowWise(f"output {name!r} depends on no input, so it has no rows")
            self.rewriter.output(name, self.values[value])
        return self.copy

    def type_of(self, value: Value) -> TensorType:
        return TensorType(value.type.dtype, (self.rows, *value.type.shape[1:]), value.type.layout)

    def add(self, node: Node) -> None:
        per_row = [operand in self.by_row for operand in node.operands]
        operands = [self.values[operand] for operand in node.operands]
        if not any(per_row):
            made = self.rewriter.node(node.op, operands, [clone(region) for region in node.regions], node.origin)
        else:
            made = self.add_rows(node, per_row, operands)
            self.by_row.update(node.results)
        self.values.update(zip(node.results, made.results, strict=True))

    def add_rows(self, node: Node, per_row: list[bool], operands: list[Value]) -> Node:
        op = _op_for_rows(node, per_row, self.rows)
        if op is None:
            raise NotRowWise(f"{_named(node)} does not compute each row by itself")
        if isinstance(op, _ALIKE):
            operands = [self.repeated(value, row) for value, row in zip(operands, per_row, strict=True)]
        try:
            made = self.rewriter.node(op, operands, (), node.origin)
        except InferenceError as error:
            raise NotRowWise(f"{_named(node)} cannot have {self.rows} rows: {error}") from None
        for result, old in zip(made.results, node.results, strict=True):
            if old.type.shape[:1] != (1,) or result.type != self.type_of(old):
                raise NotRowWise(f"{_named(node)} makes {old.type} of a row, which is no row")
        return made

    def repeated(self, value: Value, per_row: bool) -> Value:
        """An operand that serves all rows, as rows."""
        if per_row:
            return value
        if value.type.shape[:1] != (1,):
            raise NotRowWise(f"a constant {value.type} is no row")
        return self.rewriter.emit(Broadcast((self.rows, *value.type.shape[1:])), value)


_ALIKE = (Concat, ForestSums, GatherElements, OrderedSum)
"""Ops that take no operand of one row beside those of many."""


def _op_for_rows(node: Node, per_row: Sequence[bool], rows: int) -> Op | None:
    """The op that does with each of ``rows`` rows what the node does with one; None if there is none."""
    op, types = node.op, [operand.type for operand in node.operands]
    if is_elementwise(op):
        rank = node.result.type.rank
        return op if all(type_.rank == rank for type_, row in zip(types, per_row, strict=True) if row) else None
    match op:
        case Reshape(shape):
            return Reshape((rows, *shape[1:])) if shape[:1] == (1,) else None
        case Broadcast(shape):
            return Broadcast((rows, *shape[1:])) if types[0].rank == len(shape) else None
        case Slice(start, size, step):
            return Slice(start, (rows, *size[1:]), (1, *step[1:])) if start[0] == 0 and size[0] == 1 else None
        case _:
            return op if _keeps_rows(op, types, per_row) else None


def _keeps_rows(op: Op, types: Sequence[TensorType], per_row: Sequence[bool]) -> bool:
    """Whether an op that knows nothing of the number of rows computes each by itself."""
    only_first = not any(per_row[1:])
    match op:
        case Bitcast() | ForestLeaves() | ForestSums() | OrderedSum() | Pool():
            return True
        case Conv():
            return only_first
        case MatMul():
            return _multiplies_rows(types, per_row)
        case Reduce():
            return 0 not in op.axes
        case ArgReduce() | Concat() | Cumulative() | GatherElements() | TopK():
            return op.axis != 0
        case Resample():
            return op.axis != 0 and only_first
        case Gather(axis):
            return axis != 0 if only_first else axis == 0 and not per_row[0]
        case Pad(low, high):
            return low[0] == high[0] == 0 and only_first
        case Transpose(permutation):
            return permutation[0] == 0
        case Tile(repeats):
            return repeats[0] == 1
        case _:
            return False


def _multiplies_rows(types: Sequence[TensorType], per_row: Sequence[bool]) -> bool:
    """A row is a row of the left matrix, and the right one serves all; or it is a matrix of a stack."""
    a, b = types
    if all(type_.rank > 2 for type_, row in zip(types, per_row, strict=True) if row):
        return a.rank == b.rank or not all(per_row)
    return not per_row[1] and b.rank == 2


def _named(node: Node) -> str:
    return f"{node.origin!r} ({node.op.name})" if node.origin else f"the node {node.op.name}"
