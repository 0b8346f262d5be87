"""Random graphs made of what a planner can get wrong: views, concats, in-place chains, unusual outputs."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from compiler.ir import DType, Graph, Layout, Rewriter, TensorType, Value
from compiler.ir.ops.binary import Add, Mul
from compiler.ir.ops.movement import Broadcast, Concat, Relayout, Reshape, Slice, Transpose
from compiler.ir.ops.reduction import ReduceSum
from compiler.ir.ops.unary import Abs, Neg

DTYPES = (DType.F32, DType.I64, DType.U8)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A graph of up to 25 nodes over values of one element type."""
    graph = Graph("random")
    rewriter = Rewriter(graph)
    dtype = draw(st.sampled_from(DTYPES))
    values: list[Value] = []
    for index in range(draw(st.integers(1, 3))):
        shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
        values.append(rewriter.input(f"x{index}", TensorType(dtype, shape)))
    steps = (_compute, _add, _view, _slice, _concat, _constant, _blocked, _reduce)
    for _ in range(draw(st.integers(1, 25))):
        made = draw(st.sampled_from(steps))(draw, rewriter, values)
        if made is not None:
            values.append(made)
    for index in range(draw(st.integers(1, 6))):
        value = draw(st.sampled_from(values))
        # A late use keeps a value of the arena alive over everything else.
        late = _compute(draw, rewriter, [value]) if draw(st.booleans()) else None
        rewriter.output(f"y{index}", value if late is None else late)
    return graph


def _pick(draw: st.DrawFn, values: list[Value]) -> Value:
    """A value, more often a recent one, so that chains form."""
    return draw(st.sampled_from(values[-4:] if draw(st.booleans()) else values))


def _compute(draw: st.DrawFn, rewriter: Rewriter, values: list[Value]) -> Value | None:
    value = _pick(draw, values)
    op = Neg() if value.type.dtype.is_signed and draw(st.booleans()) else Abs()
    return rewriter.emit(op, value) if value.type.dtype.is_signed else rewriter.emit(Add(), value, value)


def _add(draw: st.DrawFn, rewriter: Rewriter, values: list[Value]) -> Value | None:
    a = _pick(draw, values)
    partners = [b for b in values if b.type == a.type or (not a.type.layout.blocks and b.type.shape == ())]
    if a.type.layout.blocks or not partners:
        return None
    return rewriter.emit(draw(st.sampled_from((Add(), Mul()))), a, draw(st.sampled_from(partners)))


def _view(draw: st.DrawFn, rewriter: Rewriter, values: list[Value]) -> Value | None:
    value = _pick(draw, values)
    shape = value.type.shape
    if value.type.layout.blocks:
        return None
    match draw(st.sampled_from(("flatten", "lead", "transpose", "broadcast"))):
        case "flatten":
            return rewriter.emit(Reshape((value.type.elements,)), value)
        case "lead":
            return rewriter.emit(Reshape((1, *shape, 1)), value) if len(shape) < 3 else None
        case "transpose":
            return rewriter.emit(Transpose(tuple(draw(st.permutations(range(len(shape)))))), value)
        case _:
            return rewriter.emit(Broadcast((draw(st.integers(1, 2)), *shape)), value) if len(shape) < 4 else None


def _slice(draw: st.DrawFn, rewriter: Rewriter, values: list[Value]) -> Value | None:
    value = _pick(draw, values)
    if value.type.layout.blocks or not value.type.elements:
        return None
    start, size, step = [], [], []
    for dim in value.type.shape:
        begin = draw(st.integers(0, dim - 1))
        count = draw(st.sampled_from((dim, draw(st.integers(0, dim)))))
        stride = draw(st.sampled_from((1, 1, 1, 2, -1)))
        reach = begin + (count - 1) * stride
        fits = count == 0 or 0 <= reach < dim
        start.append(begin if fits else 0)
        size.append(count if fits else dim)
        step.append(stride if fits else 1)
    return rewriter.emit(Slice(tuple(start), tuple(size), tuple(step)), value)


def _concat(draw: st.DrawFn, rewriter: Rewriter, values: list[Value]) -> Value | None:
    first = _pick(draw, values)
    if first.type.layout.blocks or first.type.rank == 0:
        return None
    axis = draw(st.integers(0, first.type.rank - 1))

    def fits(other: Value) -> bool:
        a, b = list(first.type.shape), list(other.type.shape)
        return not other.type.layout.blocks and len(a) == len(b) and _without(a, axis) == _without(b, axis)

    partners = [value for value in values if fits(value)]
    rest = draw(st.lists(st.sampled_from(partners), min_size=0, max_size=3))
    return rewriter.emit(Concat(axis), first, *rest)


def _without(shape: list[int], axis: int) -> list[int]:
    return shape[:axis] + shape[axis + 1 :]


def _constant(draw: st.DrawFn, rewriter: Rewriter, values: list[Value]) -> Value | None:
    like = _pick(draw, values)
    generator = np.random.default_rng(draw(st.integers(0, 2)))
    return rewriter.constant(generator.integers(0, 9, like.type.shape).astype(like.type.dtype.numpy))


def _blocked(draw: st.DrawFn, rewriter: Rewriter, values: list[Value]) -> Value | None:
    value = _pick(draw, values)
    if value.type.layout.blocks:
        return rewriter.emit(Relayout(Layout()), value)
    if value.type.rank == 0 or not value.type.elements:
        return None
    blocked = Layout(((draw(st.integers(0, value.type.rank - 1)), draw(st.sampled_from((2, 4)))),))
    return rewriter.emit(Relayout(blocked), value)


def _reduce(draw: st.DrawFn, rewriter: Rewriter, values: list[Value]) -> Value | None:
    value = _pick(draw, values)
    if value.type.layout.blocks or value.type.rank == 0 or value.type.dtype is DType.U8:
        return None
    return rewriter.emit(ReduceSum(axes=(0,)), value)
