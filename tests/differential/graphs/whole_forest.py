"""Forests whose trees are attributes of one op."""

from __future__ import annotations

from compiler.ir import DType, Op, TensorType, Value
from compiler.ir.forest import parse_forest
from compiler.ir.ops import branching_forest, forest
from tests.differential.drawing import Region, operand
from tests.differential.graphs.step import Step


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


STEPS: tuple[Step, ...] = (
    _whole_forest,
    _branching,
)

COVERED: tuple[type[Op], ...] = (
    forest.ForestSums,
    forest.ForestLeaves,
    branching_forest.BranchingForest,
)
