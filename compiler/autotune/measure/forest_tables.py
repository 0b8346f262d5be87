"""Operands on which kernels of forests do what they do in a model: tables in order, whose rows spread over all leaves.

Random numbers alone would be clamped to the last test, or the last node, and be in the first-level cache for ever.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from compiler.ir import Graph, TensorType
from compiler.ir.forest import Forest
from compiler.ir.forest.keys import NO_EDGE, keys_of
from compiler.ir.literal import Array
from compiler.ir.op import Op
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.branching_forest import BranchingForest
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves, Ways
from compiler.ir.ops.leafwise_forest import LINE, LeafwiseForest
from compiler.ir.ops.masked_forest import GROUP_BYTES, MaskedForest
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.ranked_forest import RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.ir.ops.sparse_walk import SparseWalk, source_bits
from compiler.ir.ops.tree_tables import FAN, tests_of

Operands = Sequence[TensorType]


def is_of_forest(region: Graph) -> bool:
    """Whether a region is a forest, or a part of one, and nothing else: its sums have one order."""
    return len(region) == 1 and type(region.nodes[0].op) in (BranchingForest, *_TABLES)


def walks_one_row(region: Graph) -> bool:
    """Whether a region is a walk of a single row, which needs a part of its tables only."""
    return (
        is_of_forest(region)
        and isinstance(
            region.nodes[0].op, MaskedForest | RankedForest | RankedLeaves | PerfectWalk | SparseWalk | ForestWalk
        )
        and region.inputs[0].type.shape[0] == 1
    )


def forest_operands(region: Graph, seed: int) -> list[Array] | None:
    """Arrays for the inputs of a region of one op of forests; None for any other."""
    if not is_of_forest(region) or region.nodes[0].operands != region.inputs:
        return None
    op, types = region.nodes[0].op, [value.type for value in region.inputs]
    generator = np.random.default_rng(seed)
    if isinstance(op, BranchingForest):
        return [_rows_of(op.forest, types[0], generator), _normal(generator, types[1])]
    return _TABLES[type(op)](types, generator)


def _rows_of(forest: Forest, x: TensorType, generator: np.random.Generator) -> Array:
    """Rows of values between the thresholds of their features, so that they part at every split."""
    rows = np.zeros(x.shape, np.float32)
    for feature in np.unique(forest.feature):
        edges = forest.threshold[forest.feature == feature]
        rows[:, feature] = generator.choice(edges, x.shape[0]) + generator.choice([-0.01, 0.01], x.shape[0])
    return rows


def _tests(x: TensorType, tests: Operands, generator: np.random.Generator) -> list[Array]:
    """The tables that say what is tested, of all bit-sliced forests alike."""
    column, edges, group, single, set_column, sets = tests
    features, columns = x.shape[1], edges.shape[0]
    lines = _edges(generator, columns, FAN * FAN).reshape(columns, FAN, FAN)
    # A column's groups follow each other, so that its ranks are taken apart once.
    groups = np.sort(generator.permutation(max(FAN * columns, group.shape[0]))[: group.shape[0]])
    compared = np.sort(generator.integers(0, 2 * features, single.shape[:1], np.int32))
    return [
        (np.arange(column.shape[0]) % (2 * features)).astype(np.int32),
        np.concatenate([lines[:, None, :, -1], lines], axis=1),
        groups.astype(np.int32),
        np.stack([compared, _thresholds(generator, compared.shape)], axis=1),
        np.sort(generator.integers(0, max(1, columns), set_column.shape, np.int32)),
        generator.integers(0, 256, sets.shape, np.uint8),
    ]


def _bitsliced(types: Operands, generator: np.random.Generator) -> list[Array]:
    x, start, column, edges, group, single, set_column, sets, node, leaf, target = types
    tests = (column, edges, group, single, set_column, sets)
    return [
        _normal(generator, x),
        _normal(generator, start),
        *_tests(x, tests, generator),
        generator.integers(0, tests_of(group, single, sets), node.shape, np.uint16),
        _normal(generator, leaf),
        _targets(target, start, leaf),
    ]


def _deep(types: Operands, generator: np.random.Generator) -> list[Array]:
    """Below the bit-sliced levels each tree has its part of the nodes."""
    x, start, column, edges, group, single, set_column, sets, node, entry, _, lower, leaf, target = types
    tests = (column, edges, group, single, set_column, sets)
    trees, count = node.shape[0], lower.shape[0]
    table, first = _linked(x, trees, count, leaf.shape[0], generator)
    sizes = [own for _, own in _shares(trees, count - 1)]
    entries = np.stack([np.arange(entry.shape[1]) % max(1, own) for own in sizes]).astype(np.int32)
    return [
        _normal(generator, x),
        _normal(generator, start),
        *_tests(x, tests, generator),
        generator.integers(0, tests_of(group, single, sets), node.shape, np.uint16),
        entries,
        first,
        table,
        _normal(generator, leaf),
        _targets(target, start, leaf),
    ]


def _leafwise(types: Operands, generator: np.random.Generator) -> list[Array]:
    """Trees of about as many lines, whose splits ask older leaves in turn."""
    x, start, column, edges, group, single, set_column, sets, node, origin, _, leaf, target = types
    begins = [begin for begin, _ in _shares(target.shape[0], origin.shape[0])]
    place = np.arange(origin.shape[0])[:, None] * LINE + np.arange(LINE)
    own = place - LINE * np.repeat(begins, np.diff([*begins, origin.shape[0]]))[:, None]
    return [
        _normal(generator, x),
        _normal(generator, start),
        *_tests(x, (column, edges, group, single, set_column, sets), generator),
        generator.integers(0, tests_of(group, single, sets), node.shape, np.uint16),
        (own // 2).astype(np.uint8),
        np.array([*begins, origin.shape[0]], np.int32),
        _normal(generator, leaf),
        _targets(target, start, leaf),
    ]


def _masked(types: Operands, generator: np.random.Generator) -> list[Array]:
    """A question has its part of the lines, and a group of trees its part of the masks, of which a row takes any."""
    x, start, column, _, _, first, line, begin, mask, leaf, target = types
    columns, questions = column.shape[0], first.shape[0]
    lines = _edges(generator, columns, FAN * FAN).reshape(columns, FAN, FAN)
    shares = _shares(begin.shape[0], mask.shape[0])
    numbers = [generator.integers(0, max(1, own), line.shape[0], np.uint16) for _, own in shares]
    # All questions together leave about one of many leaves.
    drawn = generator.integers(0, 256, (2, mask.shape[0], GROUP_BYTES), np.uint8)
    return [
        _normal(generator, x),
        _normal(generator, start),
        (np.arange(columns) % (2 * x.shape[1])).astype(np.int32),
        np.concatenate([lines[:, None, :, -1], lines], axis=1),
        (np.arange(columns) * questions // columns).astype(np.int32),
        np.array([own for own, _ in _shares(questions, line.shape[0])], np.int32),
        np.stack(numbers, axis=1),
        np.array([own for own, _ in shares], np.int32),
        (drawn[0] | drawn[1]).view(mask.dtype.numpy),
        _normal(generator, leaf),
        _targets(target, start, leaf),
    ]


def _ranked(types: Operands, generator: np.random.Generator) -> list[Array]:
    x, start, *tables, target = types
    rows, *others = _ranked_leaves([x, *tables], generator)
    return [rows, _normal(generator, start), *others, _targets(target, start, tables[-1])]


def _ranked_leaves(types: Operands, generator: np.random.Generator) -> list[Array]:
    x, column, _, upper, lower, leaf = types
    columns = column.shape[0]
    lines = _edges(generator, columns, FAN * FAN).reshape(columns, FAN, FAN)

    def nodes(table: TensorType) -> Array:
        parts = [generator.integers(0, most, (*table.shape[:2], table.shape[3]), np.uint8) for most in (columns, 255)]
        return np.stack(parts, axis=2)

    return [
        _normal(generator, x),
        (np.arange(columns) % (2 * x.shape[1])).astype(np.int32),
        np.concatenate([lines[:, None, :, -1], lines], axis=1),
        nodes(upper),
        nodes(lower),
        _normal(generator, leaf),
    ]


def _perfect(types: Operands, generator: np.random.Generator) -> list[Array]:
    x, node = types
    edge = _thresholds(generator, node.shape[:-1])
    source = generator.integers(0, 2 * x.shape[1], node.shape[:-1], np.int32)
    return [_normal(generator, x), np.stack([edge, source], axis=-1)]


def _sparse(types: Operands, generator: np.random.Generator) -> list[Array]:
    x, first, node = types
    table, starts = _linked(x, first.shape[0], node.shape[0], node.shape[0], generator)
    return [_normal(generator, x), starts, table]


def _linked(x: TensorType, trees: int, count: int, leaves: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """So many linked nodes, and where the nodes of each tree begin: even trees, each a heap of which the last places
    are leaves."""
    bits = source_bits(x.shape[1])
    table, starts = np.zeros((count, 2), np.int32), np.zeros(trees, np.int32)
    for tree, (begin, own) in enumerate(_shares(trees, count - 1)):
        # A node's second child lies behind its first, so that a tree is pairs of places.
        places, inner = np.arange(own), max(0, (own - 1) // 2)
        starts[tree] = begin
        child = np.where(places < inner, 2 * places + 1, places)
        source = np.where(places < inner, generator.integers(0, 2 * x.shape[1], own), (1 << bits) - 1)
        edge = np.where(places < inner, _thresholds(generator, places.shape), (begin + places) % leaves)
        table[begin : begin + own] = np.stack([edge, child << bits | source], axis=1)
    return table, starts


def _walk(types: Operands, generator: np.random.Generator) -> list[Array]:
    """Likewise, by numbers of splits; a quarter of them test a set if there are any."""
    x, roots, feature, _, _, _, _, _, categories = types
    splits = feature.shape[0]
    children = np.full((2, splits), -1, np.int32)
    starts: list[int] = []
    for first, own in _shares(roots.shape[0], splits):
        starts.append(first if own else -1)
        for side in (0, 1):
            below = 2 * np.arange(own) + 1 + side
            children[side, first : first + own] = np.where(below < own, first + below, -1 - first)
    has_set = generator.random(splits) < (0.25 if categories.elements > 1 else 0.0)
    sizes = np.zeros(splits, np.int64)
    if has_set.any():
        sizes[has_set] = [size for _, size in _shares(int(has_set.sum()), categories.elements)]
    return [
        _normal(generator, x),
        np.array(starts, np.int32),
        generator.integers(0, x.shape[1], feature.shape, np.int32),
        np.where(has_set, Ways.SET | Ways.LESS, Ways.LESS | Ways.MISSING).astype(np.uint8),
        generator.standard_normal(splits).astype(np.float32),
        *children,
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        generator.integers(0, 4, categories.shape, np.int32),
    ]


def _sums(types: Operands, generator: np.random.Generator) -> list[Array]:
    """Each tree has its part of the leaves."""
    reached, start, target, leaf = types
    trees = reached.shape[1]
    parts = list(_shares(trees, leaf.shape[0]))
    columns = [generator.integers(first, first + max(1, own), reached.shape[:1], np.int32) for first, own in parts]
    chosen = np.stack(columns, axis=1) if columns else np.zeros(reached.shape, np.int32)
    return [chosen, _normal(generator, start), _targets(target, start, leaf), _normal(generator, leaf)]


_TABLES: dict[type[Op], Callable[[Operands, np.random.Generator], list[Array]]] = {
    BitslicedForest: _bitsliced,
    DeepForest: _deep,
    LeafwiseForest: _leafwise,
    MaskedForest: _masked,
    RankedForest: _ranked,
    RankedLeaves: _ranked_leaves,
    PerfectWalk: _perfect,
    SparseWalk: _sparse,
    ForestWalk: _walk,
    SumLeaves: _sums,
}


def _normal(generator: np.random.Generator, type_: TensorType) -> Array:
    return generator.standard_normal(type_.shape).astype(type_.dtype.numpy)


def _thresholds(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return keys_of(generator.standard_normal(shape).astype(np.float32))


def _edges(generator: np.random.Generator, columns: int, places: int) -> Array:
    """Sorted edges of each column, and an unused place at its end."""
    edges = np.sort(_thresholds(generator, (columns, places)), axis=1)
    edges[:, -1] = NO_EDGE
    return edges


def _targets(target: TensorType, start: TensorType, leaf: TensorType) -> Array:
    """Trees take turns over the outputs."""
    return (np.arange(target.shape[0]) % (start.shape[1] - leaf.shape[-1] + 1)).astype(np.int32)


def _shares(parts: int, total: int) -> list[tuple[int, int]]:
    """Where each of some parts of a whole begins, and its size; sizes differ by one at most."""
    borders = [number * total // parts for number in range(parts + 1)] if parts else [0]
    return [(first, last - first) for first, last in itertools.pairwise(borders)]
