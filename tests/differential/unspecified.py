"""Which elements of a graph's results the ops leave open, so that no two implementations need to agree on them.

An op says so in its docstring: conversions out of range, divisors of 0, NaN among things to be ordered. From there
it spreads to everything computed from such an element.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportOperatorIssue=false
# numpy, hypothesis and onnx.helper take more than their annotations say.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.ir import Graph, Node, Op, RegionOp, Value
from compiler.ir.interpreter import evaluate_node
from compiler.ir.literal import Array
from compiler.ir.ops import binary, bits, movement, pooling, quantization, reduction, sorting, unary, winograd

_BY_POSITION: tuple[type[Op], ...] = (
    *(unary.Unary, unary.Cast, bits.Bitcast, binary.Binary, binary.Select),
    *(quantization.Quantize, quantization.Dequantize),
)
_MOVING: tuple[type[Op], ...] = (
    *(movement.Reshape, movement.Transpose, movement.Broadcast, movement.Slice, movement.Tile, movement.Concat),
    *(movement.Pad, movement.Relayout),
)


def unspecified_elements(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """A mask for each of the graph's results."""
    values: dict[Value, Array] = dict(zip(graph.inputs, inputs, strict=True))
    masks = {value: np.zeros(array.shape, np.bool_) for value, array in values.items()}
    for node in graph:
        operands = [values[value] for value in node.operands]
        results = evaluate_node(node, operands)
        values.update(zip(node.results, results, strict=True))
        if isinstance(node.op, RegionOp):
            made = unspecified_elements(node.regions[0], operands)
        else:
            spread = _spread(node, [masks[value] for value in node.operands])
            made = [spread | _own(node, operands, result) for result in results]
        masks.update((v, np.broadcast_to(m, v.type.shape)) for v, m in zip(node.results, made, strict=True))
    return [masks[value] for value in graph.outputs]


def _spread(node: Node, masks: Sequence[Array]) -> Array:
    """The elements of the results that are computed from unspecified elements of the operands."""
    op, touched = node.op, any(mask.any() for mask in masks)
    if not touched or isinstance(op, movement.ShapeOf):
        return np.zeros((), np.bool_)
    if isinstance(op, _BY_POSITION):
        return np.array(np.logical_or.reduce(np.broadcast_arrays(*masks)), np.bool_)
    if isinstance(op, _MOVING):
        return op.evaluate(*masks)[0]
    if isinstance(op, reduction.Reduce):
        return masks[0].any(op.axes).reshape(node.result.type.shape)
    return np.ones((), np.bool_)  # not worth a rule


@np.errstate(all="ignore")
def _own(node: Node, operands: Sequence[Array], result: Array) -> Array:
    """The elements of a result that the op itself leaves open for these operands."""
    x = operands[0] if operands else result
    is_float = x.dtype.kind == "f"
    match node.op:
        case unary.Cast() if is_float and node.op.to.is_integer and not node.op.saturate:
            limits = np.iinfo(result.dtype)
            whole = np.trunc(x.astype(np.float64))
            return ~((whole >= float(limits.min)) & (whole < float(limits.max) + (limits.bits < 64)))
        case binary.Div() | binary.Mod() | binary.Fmod() if not is_float:
            return np.equal(operands[1], 0)
        case binary.ShiftLeft() | binary.ShiftRight() if result.dtype.kind == "i":
            return np.less(operands[1], 0)
        case reduction.ArgReduce() | sorting.TopK() if is_float:
            return np.array(np.isnan(x).any(node.op.axis, keepdims=True), np.bool_)
        case bits.Bitcast() if is_float:
            return np.asarray(np.isnan(x))
        case quantization.Quantize():
            return np.asarray(np.isnan(x.astype(np.float32) / operands[1].astype(np.float32)))
        case reduction.ReduceSum() | reduction.ReduceProd() | pooling.SumPool() if is_float:
            return _overflows(node.op, x)
        case winograd.WinogradConv():
            return np.array(not all(np.isfinite(operand).all() for operand in operands))
        case _:
            return np.zeros((), np.bool_)


def _overflows(op: Op, x: Array) -> Array:
    """Where partial results may leave the range of the type, in one order of the terms and not in another."""
    sizes = np.abs(np.where(np.isfinite(x), x, 0).astype(np.float64))
    sizes = np.maximum(sizes, 1) if isinstance(op, reduction.ReduceProd) else sizes
    return np.isinf(op.evaluate(sizes)[0].astype(x.dtype))
