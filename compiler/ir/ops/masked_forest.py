"""``masked_forest``: the sums of trees with few leaves for few rows, by the leaves that features leave open.

The op is one algorithm, spelled out in its tables, so that a kernel depends on their sizes only. It is defined for any
tables: numbers out of range are clamped, or taken modulo what there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.forest import sample_rows
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.tree_tables import FAN, ranks_of_rows, require_sums, require_tables, sample_edges, with_leaves
from compiler.ir.types import TensorType

GROUP_BYTES = 64
"""Of the words of the trees of a group: a cache line."""

WORDS = (DType.U8, DType.U16, DType.U32, DType.U64)
"""A word has a bit for each leaf of a tree."""

MOST_LEAVES = 64


@dataclass(frozen=True)
class MaskedForest(Op):
    """``x f32[rows, features]`` and ``start[rows, outputs]`` to sums like ``start``, f32 or f64.

    1. Columns and ranks are those of ``bitsliced_forest``: ``column i32[columns]`` and ``edges i32[columns, 17, 16]``.
       A question is answered by the sum of the ranks of its columns, ``question i32[columns]``: that many lines behind
       its first one, ``first i32[questions]``, is the row's line of ``line u16[lines, groups]``, or the last one.
    2. A group is of as many trees as words fill 64 bytes. In a line, a group's number is that of one of its masks,
       which lie in ``mask[masks, words]``, u8 to u64, from ``begin i32[groups]`` on. A word has a bit for each leaf of
       a tree that rows with this answer may reach. The lowest bit that is in the masks of all questions, 0 where there
       is none, modulo the number of leaves, is the leaf that a row reaches.
    3. The values ``leaf[tree, number]``, of ``leaf[trees, leaves, width]``, where ``leaves`` is a power of two, are
       added to the sums from ``target i32[trees]`` on, tree by tree, each rounded.

    Masks of leaves are from Lucchese et al., QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of
    Regression Trees (2015). There each test that does not hold has one; here each answer, and each group of trees.
    """

    name = "masked_forest"

    def infer(
        self,
        x: TensorType,
        start: TensorType,
        column: TensorType,
        edges: TensorType,
        question: TensorType,
        first: TensorType,
        line: TensorType,
        begin: TensorType,
        mask: TensorType,
        leaf: TensorType,
        target: TensorType,
    ) -> tuple[TensorType, ...]:
        require(column.rank == 1 and first.rank == 1, "columns and questions must be of rank 1")
        require(line.rank == 2 and mask.rank == 2 and leaf.rank == 3, "lines and masks must be of rank 2, leaves of 3")
        require(mask.dtype in WORDS, "masks must be u8 to u64")
        trees, leaves, width = leaf.shape
        words = GROUP_BYTES // mask.dtype.bytes
        groups = -(-trees // words)
        require_tables(
            (column, DType.I32, column.shape),
            (edges, DType.I32, (column.shape[0], 1 + FAN, FAN)),
            (question, DType.I32, column.shape),
            (first, DType.I32, first.shape),
            (line, DType.U16, (line.shape[0], groups)),
            (begin, DType.I32, (groups,)),
            (mask, mask.dtype, (mask.shape[0], words)),
            (leaf, start.dtype, (trees, leaves, width)),
            (target, DType.I32, (trees,)),
        )
        sizes = (column.shape[0], first.shape[0], line.shape[0], mask.shape[0])
        require(min(sizes) > 0, "there must be a column, a question, a line and a mask")
        is_power = leaves > 0 and not leaves & (leaves - 1)
        require(is_power and leaves <= 8 * mask.dtype.bytes, "leaves must be a power of two, and have bits in a mask")
        require_sums(x, start, width)
        return (start,)

    def evaluate(
        self,
        x: Array,
        start: Array,
        column: Array,
        edges: Array,
        question: Array,
        first: Array,
        line: Array,
        begin: Array,
        mask: Array,
        leaf: Array,
        target: Array,
    ) -> tuple[Array, ...]:
        trees, leaves, _ = leaf.shape
        ranks = ranks_of_rows(x, column, edges)
        places = np.repeat(np.clip(first, 0, len(line) - 1)[None].astype(np.int64), len(x), axis=0)
        for asked, rank in zip(np.clip(question, 0, first.size - 1), ranks.T, strict=True):
            places[:, asked] += rank
        places = np.minimum(places, len(line) - 1)
        open_leaves = ~np.zeros((len(x), *line.shape[1:], mask.shape[1]), mask.dtype)
        begins = np.clip(begin, 0, len(mask) - 1).astype(np.int64)
        for place in places.T:
            open_leaves &= mask[np.minimum(begins + line[place], len(mask) - 1)]
        number = _lowest_bit(open_leaves.reshape(len(x), line.shape[1] * mask.shape[1])[:, :trees]) & (leaves - 1)
        return (with_leaves(start, leaf, target, number.T),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            _sample(3, 5, trees=70, leaves=32, outputs=1, width=1, word=DType.U32),
            _sample(9, 1, trees=2, leaves=8, outputs=3, width=2, word=DType.U8),
            _sample(2, 12, trees=33, leaves=16, outputs=2, width=1, word=DType.U16),
            _sample(4, 7, trees=21, leaves=64, outputs=1, width=1, word=DType.U64, dtype=DType.F64),
            _sample(1, 2, trees=64, leaves=2, outputs=1, width=1, word=DType.U8, dtype=DType.F64),
        ]


def word_of(leaves: int) -> DType:
    """The narrowest word with a bit for each of so many leaves, up to ``MOST_LEAVES``."""
    return next(word for word in WORDS if 8 * word.bytes >= leaves)


def _lowest_bit(words: Array) -> Array:
    """i64: the number of the lowest bit that is set; 0 if none is."""
    wide = words.astype(np.uint64)
    # A power of two is a float64, whose exponent is its bit's number.
    lowest = (wide & (~wide + np.uint64(1))).astype(np.float64)
    return np.where(wide == 0, 0, np.frexp(lowest)[1].astype(np.int64) - 1)


def _sample(
    rows: int,
    columns: int,
    *,
    trees: int,
    leaves: int,
    outputs: int,
    width: int,
    word: DType,
    dtype: DType = DType.F32,
) -> Sample:
    """Tables that are in order but for a few numbers out of range; a question leaves most leaves open."""
    generator, features = np.random.default_rng((rows, columns, trees)), 6
    questions, lines, masks = max(1, columns - 2), 40, 30
    words = GROUP_BYTES // word.bytes
    groups = -(-trees // words)
    drawn = generator.integers(0, 256, (2, masks, GROUP_BYTES), np.uint8)
    tables = (
        generator.integers(-1, 2 * features + 1, columns, np.int32),
        sample_edges(columns),
        generator.integers(-1, questions + 1, columns, np.int32),
        generator.integers(-3, lines + 3, questions, np.int32),
        generator.integers(0, masks, (lines, groups), np.uint16),
        generator.integers(-3, masks + 3, groups, np.int32),
        (drawn[0] | drawn[1]).view(word.numpy),
        random_array(trees, leaves, width, dtype=dtype),
        generator.integers(-1, outputs + 1, trees, np.int32),
    )
    return Sample(MaskedForest(), (sample_rows(rows, features), random_array(rows, outputs, dtype=dtype), *tables))
