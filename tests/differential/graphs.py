"""A strategy for whole graphs over the op table, with attributes and shapes of their own.

It complements ``tests.ir.strategies``, which knows no op by name but has only the attributes of the ops' samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from compiler.ir import DType, Layout, Op, TensorType, Value
from compiler.ir.forest import parse_forest
from compiler.ir.ops import (
    binary,
    bits,
    bitsliced_forest,
    branching_forest,
    contraction,
    deep_forest,
    forest,
    forest_walk,
    indexing,
    leafwise_forest,
    masked_forest,
    movement,
    ordered,
    perfect_walk,
    pooling,
    quantization,
    ranked_forest,
    ranked_leaves,
    reduction,
    resampling,
    scattering,
    set_features,
    sorting,
    sparse_walk,
    unary,
    winograd,
)
from tests.differential.drawing import (
    BINARY,
    NUMBERS,
    SIZES,
    UNARY,
    Drawn,
    Region,
    convert,
    draw_shape,
    elementwise_step,
    indices_of,
    operand,
)
from tests.differential.regions import window_axis

LIMIT = 3000
"""No value of a graph has more elements."""

Step = Callable[[Region, Value], Value]


@st.composite
def graphs(draw: st.DrawFn, max_steps: int = 8) -> Drawn:
    """A graph of up to ``max_steps`` steps, each on one of the values so far; unused results are outputs."""
    region = Region(draw, "plain")
    first = region.input(TensorType(region.one_of(NUMBERS), draw_shape(region, (0, 4), LIMIT)))
    return _steps(region, first, STEPS, max_steps)


@st.composite
def forest_graphs(draw: st.DrawFn, max_steps: int = 4) -> Drawn:
    """A graph of ``graphs`` that mostly consists of forests."""
    region = Region(draw, "plain")
    rows, features = region.one_of((1, 3, 64, 150, 600)), region.one_of((1, 2, 3, 5))
    first = region.input(TensorType(DType.F32, (rows, features)))
    return _steps(region, first, (_forest, _forest, _forest, _elementwise), max_steps)


def _steps(region: Region, first: Value, steps: Sequence[Step], most: int) -> Drawn:
    values = [first]
    for _ in range(region.number(1, most)):
        value = values[-1] if region.chance(2) else region.one_of(values)
        made = region.one_of(steps)(region, value)
        if made is not value and made.type.elements <= LIMIT:
            values.append(made)
    unused = [value for node in region.graph for value in node.results if not value.uses]
    return region.finish(*(unused or values[-1:]))


def _elementwise(region: Region, value: Value) -> Value:
    return elementwise_step(region, value, value.type.shape)


def _slice(region: Region, value: Value) -> Value:
    start, size, step = [], [], []
    for extent in value.type.shape:
        stride = region.one_of((1, 1, 1, 2, -1))
        first = region.number(0, extent - 1) if extent else 0
        room = (extent - first if stride > 0 else first + 1) if extent else 0
        most = -(-room // abs(stride))
        start.append(first)
        size.append(region.number(min(1, most), most))
        step.append(stride)
    return region.emit(movement.Slice(tuple(start), tuple(size), tuple(step)), value)


def _transpose(region: Region, value: Value) -> Value:
    return region.emit(movement.Transpose(tuple(region.draw(st.permutations(range(value.type.rank))))), value)


def _pad(region: Region, value: Value) -> Value:
    shape = value.type.shape
    mode = region.one_of(("constant", "edge", "reflect", "wrap"))
    most = [max(0, min(2, size - 1)) if mode == "reflect" else 2 for size in shape]
    low, high = (tuple(region.number(0, limit) for limit in most) for _ in range(2))
    if 0 in shape or math.prod(size + lo + hi for size, lo, hi in zip(shape, low, high, strict=True)) > LIMIT:
        return value
    fill = [region.input(value.type.with_shape(()))] if mode == "constant" else []
    return region.emit(movement.Pad(low, high, mode), value, *fill)


def _concat(region: Region, value: Value) -> Value:
    shape = value.type.shape
    if not shape:
        return value
    axis = region.number(0, len(shape) - 1)
    other = operand(region, value.type.with_shape((*shape[:axis], region.number(1, 4), *shape[axis + 1 :])))
    parts = [value, other, value][: region.number(1, 3)]
    return region.emit(movement.Concat(axis), *region.draw(st.permutations(parts)))


def _reshape(region: Region, value: Value) -> Value:
    shape, remaining = list[int](), value.type.elements
    while remaining > 1 and len(shape) < 3:
        shape.append(region.one_of([n for n in range(1, remaining + 1) if remaining % n == 0]))
        remaining //= shape[-1]
    return region.emit(movement.Reshape((*shape, remaining)), value)


def _broadcast(region: Region, value: Value) -> Value:
    lead = region.one_of(((), (1,), (2,), (3, 1)))
    widened = [region.one_of((1, 2, 5)) if size == 1 else size for size in value.type.shape]
    shape = (*lead, *widened)
    return region.emit(movement.Broadcast(shape), value) if math.prod(shape) <= LIMIT else value


def _tile(region: Region, value: Value) -> Value:
    repeats = tuple(region.one_of((1, 1, 2, 3)) for _ in value.type.shape)
    return region.emit(movement.Tile(repeats), value) if value.type.elements * math.prod(repeats) <= LIMIT else value


def _relayout(region: Region, value: Value) -> Value:
    """To a blocked layout and back."""
    if not value.type.rank:
        return value
    layout = Layout(((region.number(0, value.type.rank - 1), region.one_of((2, 4, 8))),))
    stored = region.emit(movement.Relayout(layout), value)
    return region.emit(movement.Relayout(Layout()), stored)


def _shape_of(region: Region, value: Value) -> Value:
    return region.emit(movement.ShapeOf(), value)


def _bitcast(region: Region, value: Value) -> Value:
    width = value.type.dtype.bytes
    alike = [d for d in DType if d.bytes == width and d not in (DType.BOOL, DType.BF16) and not d.is_float]
    if value.type.dtype is DType.BOOL or value.type.dtype.is_float:
        return value  # the bits of a rounded result are anything
    return region.emit(bits.Bitcast(region.one_of(alike)), value)


def _reduce(region: Region, value: Value) -> Value:
    value = _numeric(region, value)
    axes = tuple(axis for axis in range(value.type.rank) if region.chance(2))
    cls = region.one_of((reduction.ReduceSum, reduction.ReduceProd, reduction.ReduceMax, reduction.ReduceMin))
    return region.emit(cls(axes, keep=region.chance(2)), value)


def _along_axis(region: Region, value: Value) -> Value:
    value = _numeric(region, value)
    if not value.type.rank:
        return value
    axis = region.number(0, value.type.rank - 1)
    flags = region.chance(2), region.chance(2)
    if not value.type.shape[axis]:
        return value
    op = region.one_of(
        (
            reduction.ArgMax(axis, flags[0]),
            reduction.ArgMin(axis, flags[0]),
            reduction.CumulativeSum(axis, *flags),
            reduction.CumulativeProd(axis, *flags),
        )
    )
    return region.emit(op, value)


def _top_k(region: Region, value: Value) -> Value:
    value = _numeric(region, value)
    if not value.type.rank:
        return value
    axis = region.number(0, value.type.rank - 1)
    k = region.number(1, value.type.shape[axis]) if value.type.shape[axis] else 0
    node = region.rewriter.node(sorting.TopK(axis, k, region.chance(2)), [value])
    return region.one_of(node.results)


def _softmax(region: Region, value: Value) -> Value:
    """What fuse makes rows of."""
    value = convert(region, value, DType.F32)
    if not value.type.rank:
        return value
    axes = (value.type.rank - 1,)
    shifted = region.emit(binary.Sub(), value, region.emit(reduction.ReduceMax(axes), value))
    powers = region.emit(unary.Exp(), shifted)
    return region.emit(binary.Div(), powers, region.emit(reduction.ReduceSum(axes), powers))


def _numeric(region: Region, value: Value) -> Value:
    return convert(region, value, DType.I32) if value.type.dtype is DType.BOOL else value


def _matmul(region: Region, value: Value) -> Value:
    if value.type.rank < 2:
        return value
    value = _numeric(region, value)
    k, n, transpose = value.type.shape[-1], region.one_of(SIZES), region.chance(2)
    batch = value.type.shape[:-2] if region.chance(3) else ()
    if value.type.elements // max(k, 1) * n > LIMIT:
        return value
    type_ = value.type.with_shape((*batch, *((n, k) if transpose else (k, n))))
    return region.emit(contraction.MatMul(transpose), value, _weights(region, type_))


def _weights(region: Region, type_: TensorType) -> Value:
    """Mostly a constant, which passes pack."""
    if region.chance(4):
        return operand(region, type_)
    return region.constant(type_)


def _conv(region: Region, value: Value) -> Value:
    if not 3 <= value.type.rank <= 5:
        return value
    value = _numeric(region, value)
    channels = value.type.shape[1]
    groups = region.one_of([n for n in (1, 1, 2, 3, channels) if channels % n == 0])
    axes = [_window_over(region, size) for size in value.type.shape[2:]]
    window, strides, low, high, dilations = zip(*axes, strict=True)
    filters = groups * region.one_of((1, 2, 4, 9))
    op = contraction.Conv(strides, low, high, dilations, groups)
    weights = _weights(region, value.type.with_shape((filters, channels // groups, *window)))
    made = region.emit(op, value, weights)
    if region.chance(2):
        return made
    bias = region.constant(made.type.with_shape((filters, *(1 for _ in window))))
    return region.emit(region.one_of((binary.Add, binary.Mul))(), made, bias)


def _winograd_conv(region: Region, value: Value) -> Value:
    if value.type.rank != 4 or not value.type.elements:
        return value
    value = value if value.type.dtype is DType.F32 else convert(region, value, DType.F32)
    outputs = region.one_of((2, 4))
    low, high = ((region.number(0, 2), region.number(0, 2)) for _ in range(2))
    high = tuple(
        after + max(0, 3 - size - before - after)
        for size, before, after in zip(value.type.shape[2:], low, high, strict=True)
    )
    weights = value.type.with_shape(((outputs + 2) ** 2, region.one_of((1, 2, 9)), value.type.shape[1]))
    return region.emit(winograd.WinogradConv(outputs, low, high), value, _weights(region, weights))


def _pool(region: Region, value: Value) -> Value:
    if not 3 <= value.type.rank <= 5:
        return value
    value = _numeric(region, value)
    axes = [_window_over(region, size) for size in value.type.shape[2:]]
    window, strides, low, high, dilations = zip(*axes, strict=True)
    cls = region.one_of((pooling.MaxPool, pooling.SumPool))
    return region.emit(cls(window, strides, low, high, dilations), value)


def _window_over(region: Region, size: int) -> tuple[int, int, int, int, int]:
    """Window attributes of an axis of ``size``: padded until a window fits."""
    taps, stride, low, high, dilation, least = window_axis(region, 1, (0, 2))
    return taps, stride, low, high + max(0, least - size), dilation


def _gather(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    axis = region.number(0, value.type.rank - 1)
    shape = region.one_of(((), (3,), (2, 2)))
    if value.type.elements * math.prod(shape) > LIMIT:
        return value
    return region.emit(indexing.Gather(axis), value, indices_of(region, shape, value.type.shape[axis]))


def _gather_elements(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    axis = region.number(0, value.type.rank - 1)
    shape = [region.number(1, size) for size in value.type.shape]
    return region.emit(indexing.GatherElements(axis), value, indices_of(region, tuple(shape), value.type.shape[axis]))


def _gather_nd(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    batch = region.number(0, value.type.rank - 1)
    depth = region.number(1, value.type.rank - batch)
    shape = (*value.type.shape[:batch], region.number(1, 3), depth)
    indices = indices_of(region, shape, max(value.type.shape[batch : batch + depth]))
    return region.emit(indexing.GatherNd(batch), value, indices)


def _scatter(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    reductions = ("none",) if value.type.dtype is DType.BOOL else scattering.REDUCTIONS
    how = region.one_of(reductions)
    if region.chance(2):
        axis = region.number(0, value.type.rank - 1)
        shape = tuple(region.number(1, size) for size in value.type.shape)
        updates = operand(region, value.type.with_shape(shape))
        indices = indices_of(region, shape, value.type.shape[axis])
        return region.emit(scattering.ScatterElements(axis, how), value, indices, updates)
    depth = region.number(1, value.type.rank)
    count = region.number(1, 3)
    indices = indices_of(region, (count, depth), max(value.type.shape[:depth]))
    updates = operand(region, value.type.with_shape((count, *value.type.shape[depth:])))
    return region.emit(scattering.ScatterNd(how), value, indices, updates)


def _resample(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    value = value if value.type.dtype.is_float else convert(region, value, DType.F32)
    axis = region.number(0, value.type.rank - 1)
    table = (region.one_of((1, 2, 5, 9, 16)), region.number(1, 3))
    if value.type.elements * table[0] > LIMIT:
        return value
    indices = indices_of(region, table, value.type.shape[axis])
    return region.emit(resampling.Resample(axis), value, indices, region.input(value.type.with_shape(table)))


def _ordered_sum(region: Region, value: Value) -> Value:
    if value.type.rank != 3 or value.type.dtype not in (DType.F32, DType.F64):
        return value
    rows, _, outputs = value.type.shape
    return region.emit(ordered.OrderedSum(), operand(region, value.type.with_shape((rows, outputs))), value)


def _forest(region: Region, value: Value) -> Value:
    """A forest whole, or one of the ops that passes make of it, with tables of any content."""
    if value.type.rank != 2 or not value.type.elements:
        return value
    kinds = (
        *(_whole_forest, _branching, _bitsliced, _leafwise, _masked, _ranked, _ranked_leaves, _deep, _walk),
        _set_features,
    )
    return region.one_of(kinds)(region, convert(region, value, DType.F32))


def _whole_forest(region: Region, x: Value) -> Value:
    features = x.type.shape[1]
    shallow = FOREST.format(features=features, last=features - 1)
    text = _deep_trees(features, region.number(9, 12)) if region.chance(2) else shallow
    return region.emit(region.one_of((forest.ForestSums, forest.ForestLeaves))(parse_forest(text)), x)


def _branching(region: Region, x: Value) -> Value:
    features = x.type.shape[1]
    trees = parse_forest(FOREST.format(features=features, last=features - 1))
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], trees.outputs)))
    return region.emit(branching_forest.BranchingForest(trees), x, start)


FOREST = """f32[{features}] -> [0.5, -1.0] width 1 {{
  tree 1 {{ s0: x{last} < 0.5 ? v0 : s1, missing left s1: x0 in {{0, 2}} ? v1 : v2, missing right
           v0: 0.7, id 1 v1: -0.1, id 3 v2: 3.3, id 4 }}
  tree 0 {{ s2: x0 >= -1.0 ? v3 : v4, missing right v3: 0.2, id 1 v4: 1e-3, id 2 }}
}}"""


def _deep_trees(features: int, depth: int) -> str:
    """Two trees that have a leaf and a split at every level. No split follows from those above it, and about half of
    the rows reach the last one."""
    trees = " ".join(_deep_tree(tree, features, depth) for tree in range(2))
    return f"f32[{features}] -> [0.5, -1.0] width 1 {{ {trees} }}"


def _deep_tree(tree: int, features: int, depth: int) -> str:
    split, leaf = tree * depth, tree * (depth + 1)
    entries: list[str] = []
    for level in range(depth):
        test = f"x{level * (tree + 1) % features} < {-1.9 + 0.15 * level:.2f}"
        below = f"s{split + level + 1}" if level + 1 < depth else f"v{leaf + depth}"
        missing = ("left", "right", "right")[level % 3]
        entries.append(f"s{split + level}: {test} ? v{leaf + level} : {below}, missing {missing}")
    entries += [f"v{number}: {0.1 * number - 0.7:.1f}, id {number}" for number in range(leaf, leaf + depth + 1)]
    return f"tree {tree} {{ {' '.join(entries)} }}"


def _bitsliced(region: Region, x: Value) -> Value:
    trees, outputs, depth = (region.number(1, most) for most in (3, 3, 4))
    width = region.number(1, outputs)
    tables = [
        *_tests(region),
        region.input(TensorType(DType.U16, (trees, 1 << depth))),
        region.input(TensorType(DType.F32, (trees, 1 << depth, width))),
        region.input(TensorType(DType.I32, (trees,))),
    ]
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], outputs)))
    return region.emit(bitsliced_forest.BitslicedForest(depth), x, start, *tables)


def _leafwise(region: Region, x: Value) -> Value:
    trees, outputs, lines = (region.number(1, most) for most in (3, 3, 5))
    leaves, width = region.one_of((8, 16, 32)), region.number(1, outputs)
    generator = np.random.default_rng(region.number(0, 999))
    first = np.sort(generator.integers(-1, lines + 2, trees + 1)).astype(np.int32)
    tables = [
        *_tests(region),
        region.input(TensorType(DType.U16, (lines, 8)), generator.integers(0, 90, (lines, 8), np.uint16)),
        region.input(TensorType(DType.U8, (lines, 8)), generator.integers(0, 32, (lines, 8), np.uint8)),
        region.input(TensorType(DType.I32, (trees + 1,)), first),
        region.input(TensorType(DType.F32, (trees, leaves, width))),
        region.input(TensorType(DType.I32, (trees,))),
    ]
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], outputs)))
    return region.emit(leafwise_forest.LeafwiseForest(), x, start, *tables)


def _masked(region: Region, x: Value) -> Value:
    trees, outputs, columns, questions, lines, masks = (region.number(1, most) for most in (40, 3, 3, 3, 9, 9))
    word, width = region.one_of(masked_forest.WORDS), region.number(1, outputs)
    words = masked_forest.GROUP_BYTES // word.bytes
    groups = -(-trees // words)
    generator = np.random.default_rng(region.number(0, 999))
    drawn = generator.integers(0, 256, (2, masks, masked_forest.GROUP_BYTES), np.uint8)
    tables = [
        region.input(TensorType(DType.I32, (columns,))),
        region.input(TensorType(DType.I32, (columns, 17, 16))),
        region.input(TensorType(DType.I32, (columns,))),
        region.input(TensorType(DType.I32, (questions,))),
        region.input(TensorType(DType.U16, (lines, groups)), generator.integers(0, masks, (lines, groups), np.uint16)),
        region.input(TensorType(DType.I32, (groups,))),
        region.input(TensorType(word, (masks, words)), (drawn[0] | drawn[1]).view(word.numpy)),
        region.input(TensorType(DType.F32, (trees, region.one_of((1, 2, 8)), width))),
        region.input(TensorType(DType.I32, (trees,))),
    ]
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], outputs)))
    return region.emit(masked_forest.MaskedForest(), x, start, *tables)


def _set_features(region: Region, x: Value) -> Value:
    columns, sets = region.number(1, 3), region.number(1, 4)
    types = (
        TensorType(DType.I32, (columns,)),
        TensorType(DType.I32, (columns, 17, 16)),
        TensorType(DType.I32, (sets,)),
        TensorType(DType.U8, (sets, 256)),
    )
    return region.emit(set_features.SetFeatures(), x, *map(region.input, types))


def _deep(region: Region, x: Value) -> Value:
    trees, outputs, depth, leaves = (region.number(1, most) for most in (3, 3, 4, 6))
    width, most, nodes = region.number(1, outputs), region.number(0, 5), region.number(2, 40)
    generator = np.random.default_rng(region.number(0, 999))
    bits = deep_forest.source_bits(x.type.shape[1])
    link = generator.integers(0, nodes, nodes) << bits | generator.integers(0, 1 << bits, nodes)
    lower = np.stack([generator.integers(-(2**31), 2**31, nodes), link], axis=1).astype(np.int32)
    lower[::3, 0] = generator.integers(-1, leaves + 1, lower[::3, 0].size)
    tables = [
        *_tests(region),
        region.input(TensorType(DType.U16, (trees, 1 << depth))),
        region.input(TensorType(DType.I32, (trees, 1 << depth))),
        region.input(TensorType(DType.I32, (trees,))),
        region.input(TensorType(DType.I32, lower.shape), lower),
        region.input(TensorType(DType.F32, (leaves, width))),
        region.input(TensorType(DType.I32, (trees,))),
    ]
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], outputs)))
    return region.emit(deep_forest.DeepForest(depth, region.number(0, most), most), x, start, *tables)


def _tests(region: Region) -> list[Value]:
    """The tables that say what the tests of a bit-sliced forest are."""
    columns, groups, singles, sets = (region.number(*range_) for range_ in ((1, 2), (1, 3), (0, 20), (0, 1)))
    types = (
        TensorType(DType.I32, (columns,)),
        TensorType(DType.I32, (columns, 17, 16)),
        TensorType(DType.I32, (groups,)),
        TensorType(DType.I32, (singles, 2)),
        TensorType(DType.I32, (sets,)),
        TensorType(DType.U8, (sets, 256)),
    )
    return [region.input(type_) for type_ in types]


def _walk(region: Region, x: Value) -> Value:
    """A walk, some of them with the sum of the leaves that it reaches."""
    trees, splits, outputs = (region.number(1, 3) for _ in range(3))
    if region.chance(3):
        depth = region.number(1, 4)
        node = region.input(TensorType(DType.I32, (trees, perfect_walk.blocks_of_tree(depth), perfect_walk.BLOCK, 2)))
        return region.emit(perfect_walk.PerfectWalk(depth), x, node)
    if region.chance(2):
        first, node = (region.input(TensorType(DType.I32, shape)) for shape in ((trees,), (splits + 1, 2)))
        return region.emit(sparse_walk.SparseWalk(*sorted(region.number(0, 5) for _ in range(2))), x, first, node)
    by_split = ((DType.I32, splits), (DType.U8, splits), (DType.F32, splits), (DType.I32, splits), (DType.I32, splits))
    types = [TensorType(dtype, (size,)) for dtype, size in ((DType.I32, trees), *by_split)]
    sets = [TensorType(DType.I32, (size,)) for size in (splits + 1, 4)]
    tables = [region.input(type_) for type_ in (*types, *sets)]
    reached = region.emit(forest_walk.ForestWalk(region.number(0, 5)), x, *tables)
    leaf = region.input(TensorType(DType.F32, (region.number(1, 4), region.number(1, outputs))))
    target = region.input(TensorType(DType.I32, (trees,)))
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], outputs)))
    return region.emit(forest_walk.SumLeaves(), reached, start, target, leaf)


def _ranked(region: Region, x: Value) -> Value:
    outputs = region.number(1, 3)
    depth, tables = _ranked_tables(region, region.number(1, outputs))
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], outputs)))
    target = region.input(TensorType(DType.I32, tables[-1].type.shape[:1]))
    return region.emit(ranked_forest.RankedForest(depth), x, start, *tables, target)


def _ranked_leaves(region: Region, x: Value) -> Value:
    depth, tables = _ranked_tables(region, region.number(1, 3))
    return region.emit(ranked_leaves.RankedLeaves(depth), x, *tables)


def _ranked_tables(region: Region, width: int) -> tuple[int, list[Value]]:
    """The depth of perfect trees, and their tables, of which the last are leaves of ``width`` values."""
    trees, columns = (region.number(1, 3) for _ in range(2))
    depth = region.number(ranked_forest.LOWER, 5)
    blocks = 1 << (depth - ranked_forest.LOWER)
    types = (
        TensorType(DType.I32, (columns,)),
        TensorType(DType.I32, (columns, 17, 16)),
        TensorType(DType.U8, (1, blocks, 2, ranked_forest.GROUP)),
        TensorType(DType.U8, (trees, blocks, 2, ranked_forest.BLOCK)),
        TensorType(DType.F32, (trees, 1 << depth, width)),
    )
    return depth, [region.input(type_) for type_ in types]


STEPS: tuple[Step, ...] = (
    *(_elementwise,) * 8,
    *(_slice, _transpose, _pad, _concat, _reshape, _broadcast, _tile, _relayout, _shape_of, _bitcast),
    *(_reduce, _reduce, _along_axis, _top_k, _softmax, _matmul, _matmul, _conv, _conv, _pool, _winograd_conv),
    *(_gather, _gather_elements, _gather_nd, _scatter, _resample, _forest, _ordered_sum),
)

COVERED: frozenset[type[Op]] = frozenset(
    (
        *UNARY,
        *BINARY,
        *(unary.Cast, binary.Select, bits.Bitcast, quantization.Quantize, quantization.Dequantize),
        *(movement.Slice, movement.Transpose, movement.Pad, movement.Concat, movement.Reshape, movement.Broadcast),
        *(
            movement.Tile,
            movement.Relayout,
            movement.ShapeOf,
            contraction.MatMul,
            contraction.Conv,
            winograd.WinogradConv,
        ),
        *(reduction.ReduceSum, reduction.ReduceProd, reduction.ReduceMax, reduction.ReduceMin, reduction.ArgMax),
        *(reduction.ArgMin, reduction.CumulativeSum, reduction.CumulativeProd, sorting.TopK),
        *(pooling.MaxPool, pooling.SumPool, indexing.Gather, indexing.GatherElements, indexing.GatherNd),
        *(scattering.ScatterElements, scattering.ScatterNd, resampling.Resample),
        *(forest.ForestSums, forest.ForestLeaves, forest_walk.ForestWalk, forest_walk.SumLeaves, ordered.OrderedSum),
        *(bitsliced_forest.BitslicedForest, deep_forest.DeepForest, ranked_forest.RankedForest),
        *(leafwise_forest.LeafwiseForest, masked_forest.MaskedForest, set_features.SetFeatures),
        *(ranked_leaves.RankedLeaves, perfect_walk.PerfectWalk, sparse_walk.SparseWalk),
        branching_forest.BranchingForest,
    )
)
"""The ops that a graph may have; a test compares this with the op table."""
