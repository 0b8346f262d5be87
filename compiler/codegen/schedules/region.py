"""Reading the values of a fused region inside a kernel.

``RegionReader`` turns the region's nodes into expressions on demand: asked for a value at a position it composes the
computes of its producers down to loads of the region's inputs. It knows nothing of loops; a template opens a
``scope`` per loop body, within which each (value, position) is computed once and bound to a variable.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import UnionType

import numpy as np
from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes import COMPUTES
from compiler.codegen.computes.interface import Compute, IndexMap, Operand, Pointwise, Position
from compiler.codegen.computes.positions import add, affine, broadcast_position, position_lanes, split_block
from compiler.codegen.tir import (
    Array,
    Index,
    KernelBuilder,
    arithmetic_type,
    broadcast,
    element_type,
    lane_count,
    literal,
    rounded_through,
    row_major_strides,
    select,
)
from compiler.ir import DType, Graph, Layout, Node, Op, TensorType, Value
from compiler.ir.dtypes import widen_bf16
from compiler.ir.literal import INLINE_LIMIT
from compiler.ir.ops.constant import Constant

ElementAt = Callable[[Position], Expr]
"""The element of a value at a logical position, in the value's arithmetic type."""


class RegionReader:
    """Expressions for the values of one region.

    ``sources`` says how to read values that are not composed here: region inputs, and whatever a template has
    computed or stored itself. Constants inside the region are inlined.
    """

    def __init__(self, builder: KernelBuilder, sources: Mapping[Value, ElementAt]) -> None:
        self.builder = builder
        self.sources: dict[Value, ElementAt] = dict(sources)
        self._scopes: list[dict[tuple[object, ...], Expr]] = [{}]
        self._kept: list[Position] = []

    @contextmanager
    def scope(self) -> Iterator[None]:
        """A loop body: variables bound inside are forgotten at its end, those of enclosing scopes stay usable."""
        self._scopes.append({})
        yield
        self._scopes.pop()

    @contextmanager
    def override(self, value: Value, source: ElementAt) -> Iterator[None]:
        """Within the block, read ``value`` from ``source``."""
        before = self.sources.get(value)
        self.sources[value] = source
        yield
        if before is None:
            del self.sources[value]
        else:
            self.sources[value] = before

    def at(self, value: Value, position: Position) -> Expr:
        """The element of ``value`` at a logical position, in its arithmetic type, with the position's lanes."""
        position = broadcast_position(position, value.type.shape)
        key = (value, *(index if isinstance(index, int) else id(index) for index in position))
        for scope in self._scopes:
            if key in scope:
                return scope[key]
        self._kept.append(position)  # keeps the ids in the key from being reused
        element = self._compute(value, position)
        self._scopes[-1][key] = element
        return element

    def operand(self, value: Value) -> Operand:
        """``value`` as an operand of a compute."""
        return Operand(value.type, lambda position: self.at(value, position))

    def _compute(self, value: Value, position: Position) -> Expr:
        if value in self.sources:
            return self.builder.let(self.sources[value](position), "x")
        node = value.producer
        assert node is not None, "every region input has a source"
        if isinstance(node.op, Constant):
            return inline_constant(node.op, position)
        compute = compute_of(node)
        if isinstance(compute, Pointwise):
            width = position_lanes(position)
            elements = [_widen(self.at(operand, position), width) for operand in node.operands]
            result = compute.function(self.builder, node.op, *elements)
        else:
            assert isinstance(compute, IndexMap), f"{node.op.name} cannot be read element by element"
            operands = [self.operand(operand) for operand in node.operands]
            result = compute.element(self.builder, node.op, operands, value.type, position)
        return self.builder.let(as_result(result, value.type.dtype), node.op.name)


class MissingComputeError(Exception):
    """An op without a row in the computes table."""


def as_result(value: Expr, dtype: DType) -> Expr:
    """A computed element as an op's result of ``dtype``: kernels compute the half formats in float32, but a result has
    the precision of its type, whether or not it goes through memory."""
    return rounded_through(value, dtype) if dtype in (DType.F16, DType.BF16) else value


def compute_of(node: Node) -> Compute:
    """The computes-table row of a node's op. Raises MissingComputeError."""
    row = COMPUTES.get(type(node.op))
    if row is None:
        raise MissingComputeError(f"{node.op.name} has no row in COMPUTES, of codegen/computes or of the op's own file")
    return row


def inline_constant(op: Constant, position: Position) -> Expr:
    """The element of a small constant at a position: a literal, or a chain of selects where it varies."""
    array = op.value.array
    kind = arithmetic_type(op.value.dtype)
    values = widen_bf16(array) if op.value.dtype is DType.BF16 else array
    width = position_lanes(position)

    def element(flat: int) -> Expr:
        return broadcast(literal(values.reshape(-1)[flat].item(), kind), width)

    if op.value.splat is not None:
        return element(0)
    place = tuple(index for index in position if isinstance(index, int))
    if len(place) == len(position):
        return element(int(np.ravel_multi_index(place, array.shape)))
    if array.size > INLINE_LIMIT:
        raise ValueError(f"constant {op.value.type} is too large to be inlined in a kernel")
    strides = row_major_strides(array.shape)
    flat: Index = 0
    for index, stride in zip(position, strides, strict=True):
        flat = add(flat, affine(index, stride, 0))
    assert isinstance(flat, Expr), "some index varies"
    result = element(0)
    for number in range(1, array.size):
        here = tirx.EQ(flat, broadcast(tirx.IntImm(element_type(flat), number), width))
        result = select(here, element(number), result)
    return result


def load_from(array: Array, value: Value) -> ElementAt:
    """Read a value from memory of its physical layout."""
    layout = value.type.layout
    return lambda position: array[physical_position(position, layout)]


def physical_position(position: Position, layout: Layout) -> Position:
    """Where a logical position lies in an array of a layout. A vector along a blocked axis is one whole block."""
    outer, inner = list(position), []
    for axis, size in layout.blocks:
        block, lane = split_block(outer[axis], size)
        outer[axis] = block
        inner.append(lane)
    return (*outer, *inner)


def is_one_op(region: Graph, kinds: type[Op] | UnionType) -> bool:
    """Whether a region is one op of these kinds, on its inputs in order."""
    nodes = region.nodes
    return (
        len(nodes) == 1
        and isinstance(nodes[0].op, kinds)
        and nodes[0].operands == region.inputs
        and nodes[0].results == region.outputs
    )


def named_types(region: Graph) -> dict[str, TensorType]:
    """The types of the inputs of a region of one op, by the names that the op's ``infer`` gives its operands."""
    (node,) = region.nodes
    names = inspect.signature(node.op.infer).parameters
    return dict(zip(names, (value.type for value in node.operands), strict=True))


def parameters(builder: KernelBuilder, region: Graph) -> tuple[list[Array], list[Array]]:
    """Declare the kernel's pointers for the region's inputs and outputs, in that order."""
    inputs = [builder.pointer(f"in{i}", v.type.dtype, v.type.physical_shape) for i, v in enumerate(region.inputs)]
    outputs = [builder.pointer(f"out{i}", v.type.dtype, v.type.physical_shape) for i, v in enumerate(region.outputs)]
    return inputs, outputs


def input_sources(region: Graph, arrays: Sequence[Array]) -> dict[Value, ElementAt]:
    """Sources that load the region's inputs from their arrays."""
    return {value: load_from(array, value) for value, array in zip(region.inputs, arrays, strict=True)}


def reads_vectors(region_nodes: Sequence[Node]) -> bool:
    """Whether every pointwise and index-map node can be read with a vector as last index."""
    for node in region_nodes:
        if isinstance(node.op, Constant):
            continue
        compute = compute_of(node)
        types = [operand.type for operand in node.operands]
        if isinstance(compute, Pointwise) and compute.scalar_only(node.op, types):
            return False
        if isinstance(compute, IndexMap) and not compute.vector(node.op, types):
            return False
    return True


def _widen(element: Expr, width: int) -> Expr:
    return element if lane_count(element) == width else broadcast(element, width)
