"""Strategies for the regions that schedule templates compute, one per kind of template.

Each draws a region as ``fuse`` may make it, or wider where a template claims more, with arrays for its inputs.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.space import Choice
from compiler.ir import DType, Graph, Layout, Shape, TensorType, Value
from compiler.ir.ops import binary, contraction, indexing, movement, pooling, reduction, resampling, unary
from compiler.targets import Target
from tests.differential.drawing import (
    DATA,
    DTYPES,
    FLOATS,
    NUMBERS,
    SIZES,
    Drawn,
    Region,
    broadcastable,
    draw_shape,
    elementwise_step,
    expression,
    indices_of,
    operand,
)

_COMBINING = (binary.Sub, binary.Add, binary.Mul, binary.Div, binary.Maximum)


@st.composite
def choices(draw: st.DrawFn, graph: Graph, target: Target) -> Choice:
    """Any template that matches, with any legal value of each of its knobs."""
    template = draw(st.sampled_from([t for t in SCHEDULES if t.matches(graph, target)]))
    knobs = template.space(graph, target).knobs
    return Choice.of(template.name, {knob.name: draw(st.sampled_from(knob.values)) for knob in knobs})


@st.composite
def pointwise_regions(draw: st.DrawFn, data: str | None = None) -> Drawn:
    """Elementwise ops and index maps with one or two results of one shape."""
    region = Region(draw, data or draw(st.sampled_from(DATA)))
    type_ = TensorType(region.one_of(DTYPES), draw_shape(region))
    value = operand(region, type_)
    values = [value]
    for _ in range(region.number(1, 5)):
        value = elementwise_step(region, value, type_.shape)
        values.append(value)
    full = [v for v in values if v.type.shape == type_.shape and v.producer is not None]
    outputs = {full[-1]: None} if full else {region.emit(unary.Cast(value.type.dtype), value): None}
    if full and region.chance(4):
        outputs[region.one_of(full)] = None
    return region.finish(*outputs)


@st.composite
def reduction_regions(draw: st.DrawFn, data: str | None = None) -> Drawn:
    """A reduction over any axes with elementwise ops before and behind it."""
    region = Region(draw, data or draw(st.sampled_from(DATA[:4])))
    cls = region.one_of((*(reduction.ReduceSum,) * 3, reduction.ReduceMax, reduction.ReduceMin, reduction.ReduceProd))
    shape = draw_shape(region, (1, 4))
    type_ = TensorType(region.one_of(NUMBERS), shape)
    if region.chance(4):
        arg = region.one_of((reduction.ArgMax, reduction.ArgMin))
        op = arg(region.number(0, len(shape) - 1), region.chance(2))
    else:
        axes = tuple(axis for axis in range(len(shape)) if region.chance(2))
        op = cls(axes, keep=region.chance(2))
    result = region.emit(op, expression(region, type_, region.number(0, 2)))
    return region.finish(_epilogue(region, result))


def _epilogue(region: Region, result: Value, maps: bool = False) -> Value:
    """Elementwise ops behind an anchor, each of the shape of its result."""
    value = result
    for _ in range(region.number(0, 3)):
        value = elementwise_step(region, value, result.type.shape, maps=maps)
    return value


@st.composite
def row_regions(draw: st.DrawFn) -> Drawn:
    """Softmax, normalizations and other mixes of reductions over trailing axes and elementwise ops."""
    region = Region(draw, draw(st.sampled_from(("plain", "plain", "wide"))))
    dtype = region.one_of((*FLOATS, DType.I32, DType.I64))
    shape = draw_shape(region, (1, 3))
    trailing = region.number(1, min(2, len(shape)))
    axes = tuple(range(len(shape) - trailing, len(shape)))
    values = [expression(region, TensorType(dtype, shape), region.number(0, 1), maps=False)]
    for _ in range(region.number(1, 3)):
        _row_phase(region, values, shape, axes)
    outputs = {values[-1]: None}
    if region.chance(4):
        outputs[region.one_of([v for v in values if v.producer is not None])] = None
    return region.finish(*outputs)


def _row_phase(region: Region, values: list[Value], shape: Shape, axes: tuple[int, ...]) -> None:
    """One reduction, elementwise ops on its result, and the row combined with that."""
    full = [value for value in values if value.type.shape == shape]
    row = region.one_of(full)
    numeric = row.type.dtype is not DType.BOOL
    cls = region.one_of((reduction.ReduceMax, reduction.ReduceSum, reduction.ReduceSum, reduction.ReduceMin))
    if not numeric:
        row = region.emit(unary.Cast(DType.F32), row)
    total = region.emit(cls(axes), row)
    for _ in range(region.number(0, 2)):
        total = elementwise_step(region, total, total.type.shape, maps=False)
    values.append(total)
    if total.type.dtype is DType.BOOL:
        total = region.emit(unary.Cast(row.type.dtype), total)
    elif total.type.dtype is not row.type.dtype:
        total = region.emit(unary.Cast(row.type.dtype, saturate=True), total)
    from_ops = [op for op in _COMBINING if op.accepts(row.type.dtype)]
    combined = region.emit(region.one_of(from_ops)(), row, total)
    for _ in range(region.number(0, 2)):
        combined = elementwise_step(region, combined, shape, maps=False)
    values.append(combined)


@st.composite
def conv_regions(draw: st.DrawFn, depthwise: bool = False) -> Drawn:
    """A convolution over one to three axes with an epilogue; weights packed in blocks of filters or not."""
    region = Region(draw, "plain")
    spatial = region.one_of((2, 2, 2, 1, 3))
    dtype = region.one_of((*(DType.F32,) * 6, DType.F64, DType.F16, DType.I32, DType.I8))
    largest = 41 if spatial < 3 else 11
    axes = [window_axis(region, largest, (-2, 3)) for _ in range(spatial)]
    window, strides, low, high, dilations, sizes = zip(*axes, strict=True)
    groups = region.one_of((1, 1, 1, 2, 3)) if not depthwise else region.number(2, 9)
    per_group = 1 if depthwise else region.number(1, 7)
    filters = groups * (region.one_of((1, 1, 2, 3)) if depthwise else region.one_of((1, 2, 3, 4, 5, 8, 12, 16, 21, 33)))
    x = TensorType(dtype, (region.number(1, 2), groups * per_group, *sizes))
    op = contraction.Conv(strides, low, high, dilations, groups)
    layout = _filter_blocks(region, filters, groups) if dtype is DType.F32 and not depthwise else Layout()
    w = TensorType(dtype, (filters, per_group, *window), layout)
    return region.finish(_epilogue(region, region.emit(op, region.input(x), region.input(w))))


def window_axis(region: Region, largest: int, pads: tuple[int, int]) -> tuple[int, int, int, int, int, int]:
    """Window, stride, pad before, pad after, dilation and size of one spatial axis, such that a window fits."""
    taps, stride, dilation = region.one_of((1, 2, 3, 3, 5)), region.one_of((1, 1, 2, 3)), region.one_of((1, 1, 2))
    low, high = region.number(*pads), region.number(*pads)
    extent = (taps - 1) * dilation + 1
    # What a negative pad crops must exist, whatever the other pad adds.
    least = max(extent - low - high, 1 + max(0, -low) + max(0, -high), 1)
    size = least + region.one_of([n for n in (0, 1, 2, 3, 5, 8, 13, 21, 34) if least + n <= largest] or [0])
    return taps, stride, low, high, dilation, size


def _filter_blocks(region: Region, filters: int, groups: int) -> Layout:
    block = region.one_of((0, 4, 8, 16, 32, 64))
    divides = groups == 1 or (block and (filters // groups) % block == 0)
    return Layout(((0, block),)) if block and divides else Layout()


@st.composite
def matmul_regions(draw: st.DrawFn) -> Drawn:
    """A matrix product, batched with broadcasting or not, packed, transposed or plain, with an epilogue."""
    region = Region(draw, "plain")
    dtype = region.one_of((*(DType.F32,) * 6, DType.F64, DType.F16, DType.I32, DType.U8))
    m, n, k = region.number(1, 70), region.number(1, 70), region.number(1, 70)
    transpose = region.chance(2)
    batch = tuple(region.one_of((1, 2, 3)) for _ in range(region.number(0, 2)))
    left = broadcastable(region, batch)
    block = region.one_of((0, 0, 4, 8, 16, 32, 64)) if dtype is DType.F32 and transpose else 0
    right = () if block else broadcastable(region, batch)
    layout = Layout(((0, block),)) if block else Layout()
    a = region.input(TensorType(dtype, (*left, m, k)))
    b = region.input(TensorType(dtype, (*right, *((n, k) if transpose else (k, n))), layout))
    return region.finish(_epilogue(region, region.emit(contraction.MatMul(transpose), a, b)))


@st.composite
def attention_regions(draw: st.DrawFn) -> Drawn:
    """Two products with row-wise ops between them; operands and result with their axes in any order but the last."""
    region = Region(draw, "plain")
    batch = tuple(region.one_of((1, 2, 3)) for _ in range(region.number(0, 2)))
    m, n, k, f = region.number(1, 40), region.number(2, 70), region.number(1, 40), region.number(1, 40)
    shared = broadcastable(region, batch)
    transpose = region.chance(2)
    query = _turned(region, (*batch, m, k))
    key = _turned(region, (*shared, *((n, k) if transpose else (k, n))))
    scores = region.emit(contraction.MatMul(transpose), query, key)
    axes = (scores.type.rank - 1,)
    values = [scores]
    for _ in range(region.number(1, 2)):
        _row_phase(region, values, scores.type.shape, axes)
    weights = values[-1]
    if weights.type.dtype is not DType.F32:
        weights = region.emit(unary.Cast(DType.F32), weights)
    value = _turned(region, (*shared, n, f))
    mixed = region.emit(contraction.MatMul(), weights, value)
    return region.finish(region.emit(movement.Transpose(_rows_kept(region, mixed.type.rank)), mixed))


def _turned(region: Region, shape: Shape) -> Value:
    """An input of ``shape``, or the transpose of one, whose last axis stays in place."""
    if region.chance(2):
        return region.input(TensorType(DType.F32, shape))
    permutation = _rows_kept(region, len(shape))
    before = [0] * len(shape)
    for size, axis in zip(shape, permutation, strict=True):
        before[axis] = size
    return region.emit(movement.Transpose(permutation), region.input(TensorType(DType.F32, tuple(before))))


def _rows_kept(region: Region, rank: int) -> tuple[int, ...]:
    """A permutation that keeps the last axis."""
    left = list(range(rank - 1))
    permutation: list[int] = []
    while left:
        permutation.append(left.pop(region.number(0, len(left) - 1)))
    return (*permutation, rank - 1)


@st.composite
def pool_regions(draw: st.DrawFn, data: str | None = None) -> Drawn:
    """Max and sum pools over one to three axes, with elementwise ops before (sometimes) and behind."""
    cls = draw(st.sampled_from((pooling.MaxPool, pooling.SumPool)))
    edges = "special" if cls is pooling.MaxPool else "wide"
    region = Region(draw, data or draw(st.sampled_from(("plain", edges))))
    spatial = region.one_of((2, 2, 1, 3))
    largest = 41 if spatial < 3 else 11
    window, strides, low, high, dilations, sizes = zip(
        *(window_axis(region, largest, (0, 3)) for _ in range(spatial)), strict=True
    )
    dtype = region.one_of(NUMBERS)
    x = TensorType(dtype, (region.number(1, 2), region.number(1, 4), *sizes))
    op = cls(window, strides, low, high, dilations)
    source = expression(region, x, region.number(0, 1), maps=False) if region.chance(3) else region.input(x)
    return region.finish(_epilogue(region, region.emit(op, source)))


@st.composite
def resample_regions(draw: st.DrawFn) -> Drawn:
    """A resampling along one axis with elementwise ops around it."""
    region = Region(draw, "plain")
    dtype = region.one_of(FLOATS)
    shape = draw_shape(region, (1, 4), 2000)
    axis = region.number(0, len(shape) - 1)
    table = (region.one_of(SIZES), region.number(1, 4))
    generator = np.random.default_rng(region.number(0, 999))
    indices = region.input(TensorType(DType.I64, table), generator.integers(0, shape[axis], table))
    weights = region.input(TensorType(dtype, table), generator.uniform(-0.5, 1, table).astype(dtype.numpy))
    x = expression(region, TensorType(dtype, shape), region.number(0, 1))
    return region.finish(_epilogue(region, region.emit(resampling.Resample(axis), x, indices, weights)))


@st.composite
def overwriting_regions(draw: st.DrawFn) -> Drawn:
    """Elementwise ops on operands of the result's own type, some of them read at other positions than the result's."""
    region = Region(draw, draw(st.sampled_from(DATA)))
    size = region.one_of((1, 3, 4, 8, 17, 33))
    type_ = TensorType(region.one_of((DType.F32, DType.F16, DType.I32, DType.U8)), (size,) * region.number(1, 2))
    value = region.input(type_)
    for _ in range(region.number(1, 3)):
        other = value if region.chance(4) else region.input(type_)
        moved = _moved(region, other) if region.chance(2) else other
        value = region.emit(region.one_of((binary.Add, binary.Sub, binary.Mul, binary.Maximum))(), value, moved)
    return region.finish(value)


def _moved(region: Region, value: Value) -> Value:
    """The elements of ``value`` in another order."""
    rank, (size, *_) = value.type.rank, value.type.shape
    kind = region.number(0, 2)
    if kind == 0:
        return region.emit(movement.Transpose(tuple(reversed(range(rank)))), value)
    if kind == 1:
        return region.emit(movement.Slice((size - 1,) * rank, (size,) * rank, (-1,) * rank), value)
    return region.emit(indexing.Gather(0), value, indices_of(region, (size,), size))
