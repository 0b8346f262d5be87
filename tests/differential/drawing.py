"""Building blocks of random regions: shapes, element types, data, and operands made to a wanted type.

A region is drawn backwards where that is what makes it valid: an operand is asked for by type and may turn out to be
an input, a constant, or an index map of something of another shape.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportOperatorIssue=false
# numpy, hypothesis and onnx.helper take more than their annotations say.

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from compiler.ir import DType, Graph, Layout, Literal, Op, Rewriter, Shape, TensorType, Value
from compiler.ir.literal import Array
from compiler.ir.ops import binary, indexing, movement, quantization, unary

T = TypeVar("T")

SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70)
MAX_ELEMENTS = 6000
DTYPES = tuple(dtype for dtype in DType if dtype is not DType.BF16)
FLOATS = (DType.F32, DType.F32, DType.F32, DType.F16, DType.F64)
NUMBERS = (*FLOATS, DType.I8, DType.U8, DType.I16, DType.U16, DType.I32, DType.U32, DType.I64, DType.U64)

UNARY = tuple(
    cls for cls in vars(unary).values() if isinstance(cls, type) and issubclass(cls, unary.Unary) and cls.name
)
BINARY = tuple(
    cls for cls in vars(binary).values() if isinstance(cls, type) and issubclass(cls, binary.Binary) and cls.name
)
DATA = ("plain", "plain", "plain", "wide", "special")
"""What inputs hold: small numbers; the whole range of the type; edge cases of it among small numbers."""


class Drawn:
    """A region and arrays for its inputs; shown as the region's text alone."""

    def __init__(self, graph: Graph, arrays: Sequence[Array]) -> None:
        self.graph = graph
        self.arrays = arrays

    def __repr__(self) -> str:
        return f"\n{self.graph}"


@dataclass
class Region:
    """A region under construction, with the arrays for its inputs."""

    draw: st.DrawFn
    data: str = "plain"
    graph: Graph = field(default_factory=lambda: Graph("task"))
    arrays: list[Array] = field(default_factory=list[Array])

    def __post_init__(self) -> None:
        self.rewriter = Rewriter(self.graph)

    def one_of(self, choices: Sequence[T]) -> T:
        return self.draw(st.sampled_from(choices))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def chance(self, one_in: int) -> bool:
        return self.number(0, one_in - 1) == one_in - 1

    def emit(self, op: Op, *operands: Value) -> Value:
        return self.rewriter.emit(op, *operands)

    def input(self, type_: TensorType, array: Array | None = None) -> Value:
        """A new input; its data is drawn unless it is given."""
        if array is None:
            seed = self.number(0, 999)
            array = random_data(type_, self.data, np.random.default_rng((seed, len(self.arrays))))
        self.arrays.append(array)
        return self.rewriter.input(f"x{len(self.arrays) - 1}", type_)

    def constant(self, type_: TensorType) -> Value:
        """A new constant of the kind of data that inputs have."""
        seed = self.number(0, 999)
        return self.rewriter.constant(Literal(random_data(type_, self.data, np.random.default_rng(seed))))

    def finish(self, *outputs: Value) -> Drawn:
        """The region with its results, and the arrays for its inputs."""
        for index, value in enumerate(outputs):
            self.rewriter.output(f"y{index}", value)
        return Drawn(self.graph, self.arrays)


def random_data(type_: TensorType, kind: str, generator: np.random.Generator) -> Array:
    """An array of a type whose elements are of a ``kind`` of ``DATA``."""
    dtype, shape = type_.dtype, type_.shape
    if dtype is DType.BOOL:
        return generator.integers(0, 2, shape).astype(np.bool_)
    if not dtype.is_float:
        limits = np.iinfo(dtype.numpy)
        low, high = (max(limits.min, -6), 6) if kind == "plain" else (limits.min, limits.max)
        array = generator.integers(low, high, shape, dtype.numpy, endpoint=True)
        return np.asarray(array)
    values = generator.uniform(-2, 2, shape)
    if kind == "wide":
        values = values * np.exp2(generator.uniform(-20, 20, shape) * (1 if dtype is not DType.F16 else 0.5))
    array = np.asarray(values.astype(dtype.numpy))
    if kind == "special":
        limits = np.finfo(dtype.numpy)
        edges = [0.0, -0.0, np.inf, -np.inf, np.nan, limits.max, -limits.max, limits.tiny, limits.smallest_subnormal]
        edges += [-limits.smallest_subnormal, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5]
        chosen = generator.choice(np.array(edges, dtype.numpy), shape)
        array = np.where(generator.random(shape) < 0.4, chosen, array)
    return array.reshape(shape)


def draw_shape(region: Region, ranks: tuple[int, int] = (0, 4), limit: int = MAX_ELEMENTS) -> Shape:
    """A shape of at most ``limit`` elements, sizes from ``SIZES``."""
    shape: list[int] = []
    for _ in range(region.number(*ranks)):
        size = region.one_of(SIZES)
        shape.append(size if math.prod(shape) * size <= limit else 1)
    return tuple(shape)


def broadcastable(region: Region, shape: Shape) -> Shape:
    """A shape that broadcasts to ``shape``: some axes 1, some leading ones dropped; mostly the shape itself."""
    if region.chance(2):
        return shape
    sizes = [size if region.chance(2) else 1 for size in shape]
    return tuple(sizes[region.number(0, len(sizes)) if region.chance(3) else 0 :])


def operand(region: Region, type_: TensorType, depth: int = 2, maps: bool = True) -> Value:
    """A value of exactly ``type_``: an input, a constant, or (with ``maps``) an index map."""
    kind = region.number(0, 7)
    if maps and depth > 0 and kind < 3:
        return index_map(region, type_, depth - 1)
    if kind == 3 and type_.elements <= 8:
        return region.constant(type_)
    return region.input(type_)


def index_map(region: Region, type_: TensorType, depth: int) -> Value:
    """A value of ``type_`` that is read through a movement op or a gather."""
    makers = (_slice, _transpose, _pad, _tile, _broadcast, _gather, _concat, _reshape, _gather_elements, _gather_nd)
    return region.one_of(makers)(region, type_, depth)


def _source(region: Region, type_: TensorType, shape: Sequence[int], depth: int) -> Value:
    """What an index map reads: computed in the region, or an operand."""
    wanted = type_.with_shape(tuple(shape))
    if not wanted.elements:
        return region.input(wanted)
    return expression(region, wanted, 1, depth) if region.chance(3) else operand(region, wanted, depth)


def _slice(region: Region, type_: TensorType, depth: int) -> Value:
    start, step, source = [], [], []
    # A source of the result's shape is what a kernel might wrongly take for one that it may overwrite.
    same = region.chance(3)
    for size in type_.shape:
        stride = region.one_of((1, -1) if same else (1, 1, 1, 2, 3, -1, -2))
        before, after = (0, 0) if same else (region.number(0, 3), region.number(0, 3))
        span = (size - 1) * abs(stride) + 1
        start.append(before if stride > 0 else before + span - 1)
        step.append(stride)
        source.append(before + span + after)
    op = movement.Slice(tuple(start), type_.shape, tuple(step))
    return region.emit(op, _source(region, type_, source, depth))


def _transpose(region: Region, type_: TensorType, depth: int) -> Value:
    permutation = region.draw(st.permutations(range(type_.rank)))
    source = [0] * type_.rank
    for axis, of in enumerate(permutation):
        source[of] = type_.shape[axis]
    return region.emit(movement.Transpose(tuple(permutation)), _source(region, type_, source, depth))


def _pad(region: Region, type_: TensorType, depth: int) -> Value:
    mode = region.one_of(("constant", "constant", "edge", "reflect", "wrap"))
    low, high, source = [], [], []
    for size in type_.shape:
        inner = region.number(1, size) if region.chance(2) else size
        inner = max(inner, size // 2 + 1) if mode == "reflect" else inner
        before = region.number(0, size - inner)
        fits = mode != "reflect" or max(before, size - inner - before) < inner
        before, inner = (before, inner) if fits else (0, size)
        low.append(before)
        high.append(size - inner - before)
        source.append(inner)
    value = [region.input(type_.with_shape(()))] if mode == "constant" else []
    return region.emit(movement.Pad(tuple(low), tuple(high), mode), _source(region, type_, source, depth), *value)


def _tile(region: Region, type_: TensorType, depth: int) -> Value:
    repeats = [region.one_of([n for n in range(1, size + 1) if size % n == 0]) for size in type_.shape]
    source = [size // count for size, count in zip(type_.shape, repeats, strict=True)]
    return region.emit(movement.Tile(tuple(repeats)), _source(region, type_, source, depth))


def _broadcast(region: Region, type_: TensorType, depth: int) -> Value:
    source = broadcastable(region, type_.shape)
    return region.emit(movement.Broadcast(type_.shape), _source(region, type_, source, depth))


def indices_of(region: Region, shape: Shape, size: int) -> Value:
    """Indices of an axis, negative ones and some outside included."""
    generator = np.random.default_rng(region.number(0, 999))
    extra = 2 if region.chance(4) else 0
    array = generator.integers(-size - extra, size + extra, shape)
    if region.chance(4):
        return region.rewriter.constant(Literal(array)) if array.size <= 8 else region.input(_i64(shape), array)
    return region.input(_i64(shape), array)


def _i64(shape: Shape) -> TensorType:
    return TensorType(DType.I64, shape)


def _gather(region: Region, type_: TensorType, depth: int) -> Value:
    first = region.number(0, type_.rank)
    last = region.number(first, min(type_.rank, first + 2))
    size = type_.shape[first] if last == first + 1 and region.chance(2) else region.one_of(SIZES)
    source = (*type_.shape[:first], size, *type_.shape[last:])
    indices = indices_of(region, type_.shape[first:last], size)
    return region.emit(indexing.Gather(first), _source(region, type_, source, depth), indices)


def _gather_elements(region: Region, type_: TensorType, depth: int) -> Value:
    if not type_.rank:
        return region.input(type_)
    axis = region.number(0, type_.rank - 1)
    source = [size + region.number(0, 2) for size in type_.shape]
    source[axis] = region.one_of(SIZES)
    indices = indices_of(region, type_.shape, source[axis])
    return region.emit(indexing.GatherElements(axis), _source(region, type_, source, depth), indices)


def _gather_nd(region: Region, type_: TensorType, depth: int) -> Value:
    batch = region.number(0, type_.rank)
    lead = region.number(batch, type_.rank)
    picked = [region.one_of((1, 2, 3, 5)) for _ in range(region.number(1, 2))]
    source = (*type_.shape[:batch], *picked, *type_.shape[lead:])
    indices = indices_of(region, (*type_.shape[:lead], len(picked)), max(picked))
    return region.emit(indexing.GatherNd(batch), _source(region, type_, source, depth), indices)


def _concat(region: Region, type_: TensorType, depth: int) -> Value:
    if not type_.rank:
        return region.input(type_)
    axis = region.number(0, type_.rank - 1)
    cuts = sorted(region.number(0, type_.shape[axis]) for _ in range(region.number(0, 2)))
    ends = [*cuts, type_.shape[axis]]
    sizes = [end - start for start, end in zip([0, *cuts], ends, strict=True)]
    parts = [
        _source(region, type_, (*type_.shape[:axis], size, *type_.shape[axis + 1 :]), min(depth, 1)) for size in sizes
    ]
    return region.emit(movement.Concat(axis), *parts)


def _reshape(region: Region, type_: TensorType, depth: int) -> Value:
    source: list[int] = []
    remaining = type_.elements
    while remaining > 1 and len(source) < 3:
        divisors = [n for n in range(1, min(remaining, 64) + 1) if remaining % n == 0]
        source.append(region.one_of(divisors))
        remaining //= source[-1]
    source.append(remaining)
    return region.emit(movement.Reshape(type_.shape), _source(region, type_, source, depth))


def expression(region: Region, type_: TensorType, steps: int, depth: int = 2, maps: bool = True) -> Value:
    """A value of ``type_`` computed by about ``steps`` elementwise ops."""
    value = operand(region, type_.with_shape(type_.shape), depth, maps)
    for _ in range(steps):
        value = elementwise_step(region, value, type_.shape, depth, maps)
    return convert(region, value, type_.dtype)


def elementwise_step(region: Region, value: Value, shape: Shape, depth: int = 1, maps: bool = True) -> Value:
    """An elementwise op on ``value``, the other operands broadcast to ``shape``."""
    dtype = value.type.dtype
    kind = region.number(0, 9)
    if kind < 3:
        fitting = [cls for cls in UNARY if cls.accepts(dtype)]
        if fitting:
            return region.emit(region.one_of(fitting)(), value)
    if kind < 7:
        fitting = [cls for cls in BINARY if cls.accepts(dtype)]
        if fitting:
            return _binary(region, region.one_of(fitting), value, shape, depth, maps)
    if kind == 7:
        return convert(region, value, region.one_of(DTYPES))
    if kind == 8:
        return _quantized(region, value)
    condition = operand(region, TensorType(DType.BOOL, broadcastable(region, shape)), depth, maps)
    other = operand(region, TensorType(dtype, broadcastable(region, shape)), depth, maps)
    pair = (value, other) if region.chance(2) else (other, value)
    return region.emit(binary.Select(), condition, *pair)


def _binary(region: Region, cls: type[binary.Binary], value: Value, shape: Shape, depth: int, maps: bool) -> Value:
    type_ = TensorType(value.type.dtype, broadcastable(region, shape))
    if cls in (binary.ShiftLeft, binary.ShiftRight):
        bits = 8 * type_.dtype.bytes
        generator = np.random.default_rng(region.number(0, 999))
        counts = generator.integers(0, bits + 2, type_.shape).astype(type_.dtype.numpy)
        return region.emit(cls(), value, region.input(type_, counts))
    if region.chance(6):
        return region.emit(cls(), value, value)
    other = operand(region, type_, depth, maps)
    return region.emit(cls(), value, other) if region.chance(2) else region.emit(cls(), other, value)


def _quantized(region: Region, value: Value) -> Value:
    """To a narrow integer and, sometimes, back."""
    if value.type.dtype not in (DType.F32, DType.F16):
        return value
    kind = region.one_of((DType.I8, DType.U8, DType.I16, DType.U16))
    channel = broadcastable(region, value.type.shape)
    generator = np.random.default_rng(region.number(0, 999))
    scale = region.input(
        TensorType(value.type.dtype, channel), generator.uniform(0.01, 0.5, channel).astype(value.type.dtype.numpy)
    )
    zero = region.input(TensorType(kind, channel), generator.integers(0, 100, channel).astype(kind.numpy))
    steps = region.emit(quantization.Quantize(), value, scale, zero)
    return steps if region.chance(3) else region.emit(quantization.Dequantize(), steps, scale, zero)


def convert(region: Region, value: Value, dtype: DType) -> Value:
    """``value`` in another element type."""
    if value.type.dtype is dtype:
        return value
    return region.emit(unary.Cast(dtype, saturate=region.chance(2)), value)


def blocked(axis: int, size: int) -> Layout:
    """A layout with one blocked axis; row-major for size 0."""
    return Layout(((axis, size),)) if size else Layout()
