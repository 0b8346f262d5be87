"""Kernels of forests: cycles from the sizes of their tables, which are operands."""

from __future__ import annotations

import math

import numpy as np

from compiler.ir import DType, Node, TensorType
from compiler.ir.forest import Forest, node_shares
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.branching_forest import BranchingForest
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves
from compiler.ir.ops.leafwise_forest import LeafwiseForest
from compiler.ir.ops.masked_forest import MaskedForest
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.perfect_walk import PerfectWalk, block_levels
from compiler.ir.ops.ranked_forest import RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.ir.ops.set_features import SetFeatures
from compiler.ir.ops.sparse_walk import SparseWalk
from compiler.ir.ops.tree_tables import tests_of
from compiler.targets import Target

# Fitted to trained forests on one core of Zen 4; all but the slow step are about what the instructions take.
KEY, RANK, SEARCHED_RANK, SINGLE, SETS = 0.6, 4.8, 1.5, 0.15, 1.0
"""Cycles per row and value: of a rank by counts, and of one that is searched in registers; and per look-up of the
answers to eight sets."""

TEST, NODE, SPLIT = 2.0, 2.4, 5.0
"""Cycles per vector that is made for the rows of a block; that is loaded and chosen, where a core loads one in a cycle;
and per leaf that grows out of another one, and of which the bits of numbers are made."""

ANY_WIDTH = 0.4
"""The part of them that a vector takes however narrow it is; the rest is in proportion to its width."""

LEAF, LEAF_BY_BYTES = 0.8, 0.35
"""Cycles per row, tree and value of a leaf, of a block: where it is loaded, and where it is looked up in registers."""

FEWEST_LEAVES, MOST_PERMUTED, MOST_MASKED, MOST_ADDED = 16, 256, 128, 64
"""Leaves of a tree, of which the bytes of values fill a vector, that are looked up so: with AVX512_VBMI, AVX512BW and
AVX2. Of more, and with vectors of 16 bytes, loads take no longer."""

STEP, SLOW_STEP, SUM = 3.6, 100.0, 2.2
"""Cycles of a walk, per row and tree: of a step, of one of ``forest_walk``, of a value of the leaf."""

LONE_STEP = 12.0
"""Cycles of a step that waits for the one before it, where there are too few trees to take others meanwhile."""

SET_FEATURES = 5.0
"""Cycles per row and eight sets, the answers to which become features."""

FAR_STEP, FAR_BLOCK = 22.0, 8.0
"""Further cycles of a step to a node that is not in the second-level cache; and of all steps through a block of a
perfect tree, which waits for one cache line."""

ENTRY, BLOCK_STEP, LATE_STEPS = 5.0, 5.0, 2.0
"""Cycles of a walk below bit-sliced levels, per row and tree: to enter it and to add the leaf, and of a step; and how
many such steps those take that only some rows need. A step waits for the caches, of which deep trees fill two."""

RANK_OF_ROW, RANKED_STEP, RANKED_SUM = 8.0, 3.2, 3.0
"""Cycles of walks over ranks: per row and column, whose rank is waited for; per row and tree of a step, and of a value
of the leaf."""

RANKED_VALUE, TERM = 1.5, 3.5
"""Where the leaves are added later: a value of the leaf, which is stored; and per row and term of as many sums as a
vector has, each of which waits for the one before it."""

MASK, FAR_MASK, OPEN_LEAF = 2.8, 4.0, 2.4
"""Cycles of masks of leaves, per row: of a question and a group of trees, and further ones where the mask is not in the
second-level cache; of a tree and a value of its leaf."""

UPPER_NODE, LOWER_NODES = 3.5, 3.0
"""In place of steps, where trees take them together: per row and place of an upper node, among which all trees of a
group choose; per row and tree for the nodes below."""

SHUFFLE = 2.0
"""Of nodes that are tested at once, where look-ups are within lanes: for each vector of ranks that 16, 32 or 64 of them
are looked up in."""

FAR_TREE = 10.0
"""Further cycles of such a tree whose nodes and leaves are not in the second-level cache."""

BRANCH, CHOICE, CONSTANT = 1.0, 1.0, 1.2
"""Of splits that are code, per row and tree: of a branch; of one whose ways both end in leaves, which is no branch but
a choice between two values; and to add a value of the leaf."""

MISPREDICTED, RELATED = 16.0, 0.3
"""Cycles of a branch that is foretold wrongly, as the less likely way is; and how often that happens in all trees but
the first, since what a row did there tells what it does here."""

NARROWEST_VECTOR = 16
"""Bytes; half of that takes as long."""


WIDEST_VECTOR = 64
"""Bytes."""

LOWER_TREES = 8
"""Whose lower nodes are tested at once."""

LANE = 16
"""Entries that a vector of bytes has where bytes are looked up within lanes."""

MOST_SHUFFLED = 64
"""Entries of a table beyond which look-ups by SSSE3 take longer than loads."""


def block_rows(rows: int, target: Target) -> int:
    """How many rows a block of ``bitsliced_forest`` has: as many as a vector has bits, or fewer where a narrower vector
    has enough for ``rows``."""
    vector_bytes = NARROWEST_VECTOR
    while vector_bytes < target.vector_bytes and 8 * vector_bytes < rows:
        vector_bytes *= 2
    return 8 * vector_bytes


def searches_ranks(target: Target) -> bool:
    """Whether an instruction looks 16 edges up in registers at once (AVX-512)."""
    return "avx512f" in target.features and target.vector_bytes == WIDEST_VECTOR


def looks_up_bytes(target: Target, entries: int) -> bool:
    """Whether instructions look bytes up in registers, in so many entries (SSSE3, NEON of 64 bits)."""
    return (
        "asimd" in target.features
        or "avx2" in target.features
        or ("ssse3" in target.features and entries <= MOST_SHUFFLED)
    )


def masks_bytes(target: Target) -> bool:
    """Whether they look 64 bytes up at once, and compares choose between those of two vectors (AVX512BW)."""
    return "avx512bw" in target.features and target.vector_bytes == WIDEST_VECTOR


def permutes_bytes(target: Target) -> bool:
    """Whether one instruction looks 64 bytes up in 128 entries (AVX512_VBMI)."""
    return "avx512vbmi" in target.features and masks_bytes(target)


def finds_bytes(target: Target, leaf: TensorType) -> bool:
    """Whether the leaves of a block, ``leaf[trees, leaves, width]``, are looked up byte by byte."""
    if leaf.dtype is not DType.F32 or "avx2" not in target.features:
        return False
    most = MOST_ADDED
    if masks_bytes(target):
        most = MOST_PERMUTED if permutes_bytes(target) else MOST_MASKED
    return FEWEST_LEAVES <= leaf.shape[1] <= most


def forest_cycles(node: Node, target: Target) -> float:
    """Cycles of one core for a node that computes a forest or a part of one; 0 for any other."""
    match node.op:
        case BitslicedForest(depth):
            return _bitsliced_cycles(node, depth, target)
        case BranchingForest(forest):
            return node.operands[0].type.shape[0] * _branching_cycles(forest)
        case DeepForest(depth, usual, most):
            return _deep_cycles(node, depth, usual + LATE_STEPS * (usual < most), target)
        case LeafwiseForest():
            return _leafwise_cycles(node, target)
        case MaskedForest():
            return _masked_cycles(node, target)
        case RankedForest(depth):
            return _ranked_cycles(node, depth, RANKED_SUM, target)
        case RankedLeaves(depth):
            return _ranked_cycles(node, depth, RANKED_VALUE, target)
        case OrderedSum():
            rows, terms, outputs = node.operands[1].type.shape
            return TERM * rows * terms * math.ceil(outputs / target.lanes(node.result.type.dtype.bytes))
        case PerfectWalk(steps):
            far = FAR_BLOCK * _far_share(node, target) * len(block_levels(steps))
            return _walk_cycles(node, steps, STEP * steps + far)
        case SparseWalk(usual, most):
            steps = usual + LATE_STEPS * (usual < most)
            return _walk_cycles(node, steps, (STEP + FAR_STEP * _far_share(node, target)) * steps)
        case ForestWalk(steps):
            return _walk_cycles(node, steps, SLOW_STEP * steps)
        case SetFeatures():
            x, column, _, set_column, _ = (operand.type for operand in node.operands)
            by_row = KEY * x.shape[1] + RANK_OF_ROW * column.shape[0] + SET_FEATURES * set_column.shape[0]
            return x.shape[0] * by_row
        case SumLeaves():
            reached, leaf = node.operands[0].type, node.operands[3].type
            return SUM * reached.elements * leaf.shape[1]
        case _:
            return 0.0


def _bitsliced_cycles(node: Node, depth: int, target: Target) -> float:
    """Blocks of rows that are not full cost as much as full ones; few rows have blocks of narrower vectors."""
    leaf = node.operands[9].type
    chosen = leaf.shape[0] * 2.0**depth
    return _block_cycles(node, _leaves(leaf, target), _node(target) * chosen, target)


def _leafwise_cycles(node: Node, target: Target) -> float:
    by_row = _leaves(node.operands[11].type, target)
    return _block_cycles(node, by_row, SPLIT * node.operands[8].type.elements, target)


def _leaves(leaf: TensorType, target: Target) -> float:
    """Of a row of a block: its leaves of all trees, onto the sums."""
    trees, _, width = leaf.shape
    return (LEAF_BY_BYTES if finds_bytes(target, leaf) else LEAF) * trees * width


def _node(target: Target) -> float:
    return NODE / target.load_ports


def _branching_cycles(forest: Forest) -> float:
    """Of a row."""
    share = node_shares(forest)
    left, right = (np.where(side >= 0, side, forest.splits + ~side) for side in (forest.left, forest.right))
    is_choice = (forest.left < 0) & (forest.right < 0)
    wrongly = MISPREDICTED * np.where(np.arange(forest.splits) < forest.first_split[:2][-1], 1.0, RELATED)
    of_branch = BRANCH * share[: forest.splits] + wrongly * np.minimum(share[left], share[right])
    of_splits = np.where(is_choice, CHOICE * share[: forest.splits], of_branch)
    return float(of_splits.sum()) + CONSTANT * forest.trees * forest.width


def _deep_cycles(node: Node, depth: int, steps: float, target: Target) -> float:
    trees, width = node.operands[8].type.shape[0], node.operands[12].type.shape[1]
    by_row = KEY * node.operands[0].type.shape[1] + trees * (ENTRY * width + BLOCK_STEP * steps)
    return _block_cycles(node, by_row, _node(target) * trees * 2.0**depth, target)


def _block_cycles(node: Node, by_row: float, by_block: float, target: Target) -> float:
    """Of all blocks, with the cycles that a row takes once it is known where it is in the trees, and those that finding
    it out takes for the widest block."""
    x, _, column, _, group, single, set_column, sets = (operand.type for operand in node.operands[:8])
    rows, features = x.shape
    block = block_rows(rows, target)
    rank = SEARCHED_RANK if searches_ranks(target) and not set_column.shape[0] else RANK
    by_row += KEY * features + rank * column.shape[0] + SINGLE * single.shape[0] + SETS * set_column.shape[0]
    by_block += TEST * (tests_of(group, single, sets) - single.shape[0])
    share = ANY_WIDTH + (1 - ANY_WIDTH) * block / (8 * target.vector_bytes)
    return math.ceil(rows / block) * (block * by_row + share * by_block)


def _masked_cycles(node: Node, target: Target) -> float:
    x, _, column, _, _, first, _, begin, mask, leaf = (operand.type for operand in node.operands[:10])
    (rows, features), (trees, _, width) = x.shape, leaf.shape
    far = max(0.0, 1 - target.l2_bytes / mask.bytes)
    by_row = KEY * features + RANK_OF_ROW * column.shape[0] + OPEN_LEAF * trees * width
    return rows * (by_row + begin.shape[0] * first.shape[0] * (MASK + FAR_MASK * far))


def _ranked_cycles(node: Node, depth: int, value: float, target: Target) -> float:
    """Of trees that take steps together, or of walks; ``value``: of a value of a leaf."""
    first = 1 if isinstance(node.op, RankedLeaves) else 2
    x, (column, _, upper, lower, leaf) = node.operands[0].type, (o.type for o in node.operands[first : first + 5])
    (rows, features), (trees, _, width) = x.shape, leaf.shape
    far = max(0.0, 1 - target.l2_bytes / (lower.bytes + leaf.bytes))
    by_row = KEY * features + RANK_OF_ROW * column.shape[0] + trees * (FAR_TREE * far + value * width)
    if looks_up_bytes(target, column.shape[0]):
        groups, places = upper.shape[:2]
        parts = WIDEST_VECTOR / target.vector_bytes
        further = 0.0 if permutes_bytes(target) else SHUFFLE * parts * math.ceil(column.shape[0] / LANE)
        chosen = places * UPPER_NODE * max(1, parts / 2) + further * math.log2(places)
        return rows * (by_row + groups * chosen + trees * (LOWER_NODES + further / LOWER_TREES))
    return rows * (by_row + trees * RANKED_STEP * depth)


def _far_share(node: Node, target: Target) -> float:
    """The part of a walk's nodes that is not in the second-level cache."""
    return max(0.0, 1 - target.l2_bytes / node.operands[-1].type.bytes)


def _walk_cycles(node: Node, steps: float, by_tree: float) -> float:
    rows, trees = node.result.type.shape
    walking = max(trees * by_tree, LONE_STEP * steps)
    return rows * (KEY * node.operands[0].type.shape[1] + walking)
