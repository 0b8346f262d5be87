"""Forests whose tests are answered for many rows at a time, with tables of any content."""

from __future__ import annotations

import numpy as np

from compiler.ir import DType, Op, TensorType, Value
from compiler.ir.ops import bitsliced_forest, deep_forest, leafwise_forest, masked_forest, set_features
from tests.differential.drawing import Region, operand
from tests.differential.graphs.step import Step


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


STEPS: tuple[Step, ...] = (_bitsliced, _leafwise, _deep, _masked, _set_features)

COVERED: tuple[type[Op], ...] = (
    *(bitsliced_forest.BitslicedForest, leafwise_forest.LeafwiseForest, deep_forest.DeepForest),
    *(masked_forest.MaskedForest, set_features.SetFeatures),
)
