"""What a task computes, as a PrimFunc that MetaSchedule takes: a sum of products and what follows it.

Weights are arguments in the form that a user would write, or in blocks, and marked as free in their layout, so that
MetaSchedule may store them as its kernel likes best; it does so for constants of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import numpy as np
from tvm import te, tirx, topi
from tvm.ir import Expr

from compiler.codegen.plan.packing import pack
from compiler.ir import ROW_MAJOR, Graph, Layout, Node, TensorType, Value
from compiler.ir.cook_toom import TAPS
from compiler.ir.literal import Array
from compiler.ir.ops import binary, unary
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.winograd import WinogradConv


class Form(StrEnum):
    """How images lie in memory."""

    PLAIN = "plain"
    """Row-major: NCHW, rows by columns."""
    BLOCKED = "blocked"
    """As Kiln's networks have images: NCHW16c, with weights in blocks of both kinds of channels."""


class UnsupportedTaskError(ValueError):
    """A task that cannot be written for MetaSchedule, or not in a form; the message says why."""


@dataclass(frozen=True)
class Argument:
    """An operand or result: its logical type, and how it is stored. ``transposed`` swaps the two last axes first."""

    type: TensorType
    layout: Layout = ROW_MAJOR
    transposed: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the stored array."""
        return self.layout.physical_shape(self._order(self.type.shape))

    def store(self, array: Array) -> Array:
        """The stored form of a logical array."""
        return pack(np.ascontiguousarray(np.swapaxes(array, -1, -2)) if self.transposed else array, self.layout)

    def _order(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-2], shape[-1], shape[-2]) if self.transposed else shape


@dataclass(frozen=True)
class Computation:
    """A function of operands and then the result, in the order of ``arguments``; ``weights`` is the index of the
    argument that may be stored in any way."""

    function: tirx.PrimFunc
    arguments: tuple[Argument, ...]
    weights: int


_POINTWISE: Mapping[type[object], Callable[..., te.Tensor]] = {
    binary.Add: topi.add,
    binary.Sub: topi.subtract,
    binary.Mul: topi.multiply,
    binary.Div: topi.divide,
    binary.Maximum: topi.maximum,
    binary.Minimum: topi.minimum,
    # What TVM's pass FastMath makes of it: vectors of a rational function in the place of calls of the C library.
    unary.Erf: topi.fast_erf,
}


def computation_of(region: Graph, form: Form) -> Computation:
    """What a region with one sum of products computes. Winograd's algorithm counts as the convolution that it computes.

    Raises UnsupportedTaskError.
    """
    sums = [node for node in region if isinstance(node.op, Conv | MatMul | WinogradConv)]
    if len(sums) != 1 or len(region.outputs) != 1:
        raise UnsupportedTaskError("not one sum of products with one result")
    return _Writer(region, sums[0], form).write()


def plain_weights_type(node: Node) -> TensorType:
    """The logical type of the weights of a sum of products; of Winograd's algorithm, before they are transformed."""
    weights = node.operands[1].type
    if isinstance(node.op, WinogradConv):
        return TensorType(weights.dtype, (*weights.shape[1:], TAPS, TAPS))
    return weights.logical


class _Writer:
    """Writes one region."""

    def __init__(self, region: Graph, node: Node, form: Form) -> None:
        self._region = region
        self._sum = node
        self._result = region.outputs[0].type
        if form is Form.BLOCKED and self._result.layout.blocks == ():
            raise UnsupportedTaskError("nothing of it is in blocks")
        self._layout = self._result.layout if form is Form.BLOCKED else ROW_MAJOR
        self._known: dict[Value, te.Tensor | Expr] = {}

    def write(self) -> Computation:
        arguments = [self._argument(value) for value in self._region.inputs]
        placeholders = [te.placeholder(a.shape, a.type.dtype.numpy.name, f"in{i}") for i, a in enumerate(arguments)]
        self._known.update(zip(self._region.inputs, placeholders, strict=True))
        for node in self._region:
            self._known[node.results[0]] = self._write_node(node)
        weights = self._region.inputs.index(self._sum.operands[1])
        result = cast(te.Tensor, self._known[self._region.outputs[0]])
        function = te.create_prim_func([*placeholders, result]).with_attr("layout_free_buffers", [weights])
        return Computation(cast(tirx.PrimFunc, function), (*arguments, Argument(self._result, self._layout)), weights)

    def _argument(self, value: Value) -> Argument:
        if value is self._sum.operands[1]:
            return self._weights()
        layout = self._layout
        if layout != ROW_MAJOR and value.type.layout != layout:
            raise UnsupportedTaskError(f"an operand is {value.type} beside results in blocks")
        if layout != ROW_MAJOR and any(value.type.shape[axis] % size for axis, size in layout.blocks):
            raise UnsupportedTaskError(f"blocks of {value.type} are not full")
        return Argument(value.type, layout)

    def _weights(self) -> Argument:
        type_ = plain_weights_type(self._sum)
        op = self._sum.op
        if isinstance(op, MatMul):
            if type_.rank != 2:
                raise UnsupportedTaskError("a matrix product without a constant matrix")
            return Argument(type_, transposed=op.transpose_b)
        if self._layout == ROW_MAJOR:
            return Argument(type_)
        ((_, size),) = self._layout.blocks
        return Argument(type_, Layout(((0, size),)) if _is_depthwise(self._sum) else Layout(((1, size), (0, size))))

    def _write_node(self, node: Node) -> te.Tensor | Expr:
        operands = [self._known[operand] for operand in node.operands]
        tensors = cast(Sequence[te.Tensor], operands)  # of a sum; others may have scalars
        match node.op:
            case Constant(value) if value.type.rank == 0:
                return tirx.const(value.array.item(), value.type.dtype.numpy.name)
            case Relayout():
                return operands[0]  # everything is written in the layout of the result
            case MatMul():
                return _matmul(tensors[0], tensors[1])
            case Conv(strides=strides, low=low, high=high, dilations=(1, 1)):
                return self._conv(tensors, strides, low, high)
            case WinogradConv(low=low, high=high):
                return self._conv(tensors, (1, 1), low, high)
            case op if type(op) in _POINTWISE:
                return _POINTWISE[type(op)](*operands)
            case op:
                raise UnsupportedTaskError(f"no row for {op.name} in this form")

    def _conv(
        self, operands: Sequence[te.Tensor], strides: Sequence[int], low: Sequence[int], high: Sequence[int]
    ) -> te.Tensor:
        x, w = operands
        depthwise, padding = _is_depthwise(self._sum), [*low, *high]
        if self._layout != ROW_MAJOR:
            return _blocked_conv(x, w, strides, low, high, depthwise=depthwise)
        convolution = topi.nn.depthwise_conv2d_nchw if depthwise else topi.nn.conv2d_nchw
        return cast(te.Tensor, convolution(x, w, list(strides), padding, (1, 1)))


def _is_depthwise(node: Node) -> bool:
    op = node.op
    if not isinstance(op, Conv) or op.groups == 1:
        return False
    if op.groups != node.operands[0].type.shape[1] or op.groups != node.operands[1].type.shape[0]:
        raise UnsupportedTaskError("a convolution in groups of several channels")
    return True


def _compute(shape: Sequence[int], value: Callable[..., object], name: str) -> te.Tensor:
    return cast(te.Tensor, te.compute(shape, value, name=name))


def _matmul(x: te.Tensor, w: te.Tensor) -> te.Tensor:
    """``[..., m, k] x [k, n]``."""
    k = te.reduce_axis((0, w.shape[0]), "k")
    return _compute(
        [*x.shape[:-1], w.shape[1]], lambda *at: te.sum(x[(*at[:-1], k)] * w[k, at[-1]], axis=[k]), name="matmul"
    )


def _blocked_conv(
    x: te.Tensor,
    w: te.Tensor,
    strides: Sequence[int],
    low: Sequence[int],
    high: Sequence[int],
    *,
    depthwise: bool,
) -> te.Tensor:
    """``x[n, c/b, h, w, b]`` by ``w[o/b, c/b, kh, kw, b, b]``, or ``w[c/b, 1, kh, kw, b]``, to ``[n, o/b, h', w', b]``.

    topi's own for this layout splits one axis of channels by division, which MetaSchedule's tiling then has to undo.
    """
    padded = topi.nn.pad(x, [0, 0, *low, 0], [0, 0, *high, 0], name="padded")
    window = [int(size) for size in w.shape[2:4]]
    sizes = [(int(padded.shape[2 + i]) - window[i]) // strides[i] + 1 for i in range(2)]
    kh, kw = te.reduce_axis((0, window[0]), "kh"), te.reduce_axis((0, window[1]), "kw")
    shape = [int(x.shape[0]), int(w.shape[0]), *sizes, int(x.shape[4])]
    down, across = strides
    if depthwise:
        return _compute(
            shape,
            lambda n, c, i, j, lane: te.sum(
                padded[n, c, i * down + kh, j * across + kw, lane] * w[c, 0, kh, kw, lane], axis=[kh, kw]
            ),
            name="depthwise",
        )
    outer, inner = te.reduce_axis((0, x.shape[1]), "c"), te.reduce_axis((0, x.shape[4]), "b")
    return _compute(
        shape,
        lambda n, o, i, j, lane: te.sum(
            padded[n, outer, i * down + kh, j * across + kw, inner] * w[o, outer, kh, kw, inner, lane],
            axis=[outer, kh, kw, inner],
        ),
        name="conv",
    )
