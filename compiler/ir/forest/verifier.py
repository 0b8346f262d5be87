"""What makes arrays a forest; every check is over whole arrays, in time and memory that the arrays bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compiler.ir.forest.comparison import Comparison
from compiler.ir.forest.links import roots_and_depths
from compiler.ir.literal import Array

if TYPE_CHECKING:
    from compiler.ir.forest.forest import Forest

_TYPES: dict[str, tuple[tuple[str, ...], int]] = {
    "first_split": (("int32",), 1),
    "target": (("int32",), 1),
    "feature": (("int32",), 1),
    "comparison": (("uint8",), 1),
    "threshold": (("float32",), 1),
    "left": (("int32",), 1),
    "right": (("int32",), 1),
    "default_left": (("bool",), 1),
    "first_category": (("int32",), 1),
    "categories": (("int32",), 1),
    "leaf": (("float32", "float64"), 2),
    "leaf_id": (("int32",), 1),
    "cover": (("float32",), 1),
    "base": (("float32", "float64"), 1),
}


class ForestError(ValueError):
    """Arrays that are no forest; the message names the tree and the split or leaf, and what is wrong with it."""


def verify_forest(forest: Forest) -> None:
    """Raise ForestError unless types and lengths agree, each tree is one tree that is complete, features, outputs and
    categories exist, and thresholds, leaves and covers are numbers."""
    _verify_types(forest)
    _verify_lengths(forest)
    _verify_splits(forest)
    _verify_sets(forest)
    _verify_links(forest)
    _verify_leaves(forest)


def _verify_types(forest: Forest) -> None:
    for name, (types, rank) in _TYPES.items():
        array: Array = getattr(forest, name)
        if array.dtype.name not in types or array.ndim != rank:
            raise ForestError(f"{name} must be {' or '.join(types)} of rank {rank}, not {array.dtype}{[*array.shape]}")
    if forest.base.dtype != forest.leaf.dtype:
        raise ForestError(f"base is {forest.base.dtype}, leaves are {forest.leaf.dtype}")


def _verify_lengths(forest: Forest) -> None:
    trees, splits = forest.target.size, forest.feature.size
    wanted = {
        "first_split": trees + 1,
        **dict.fromkeys(("comparison", "threshold", "left", "right", "default_left"), splits),
        **dict.fromkeys(("leaf", "leaf_id", "cover"), splits + trees),
        "first_category": int(np.count_nonzero(forest.comparison == Comparison.MEMBER)) + 1,
    }
    for name, length in wanted.items():
        found = getattr(forest, name).shape[0]
        if found != length:
            raise ForestError(f"{name} has {found} entries, expected {length} ({trees} trees, {splits} splits)")
    for name, total in (("first_split", splits), ("first_category", forest.categories.size)):
        offsets: Array = getattr(forest, name)
        if offsets[0] != 0 or offsets[-1] != total or (np.diff(offsets) < 0).any():
            raise ForestError(f"{name} must rise from 0 to {total}")
    if forest.features < 1 or forest.outputs < 1 or forest.width < 1:
        raise ForestError("a forest needs at least one feature, one output and one value per leaf")


def _verify_splits(forest: Forest) -> None:
    is_member = forest.comparison == Comparison.MEMBER
    faults = {
        f"its feature is not one of {forest.features}": (forest.feature < 0) | (forest.feature >= forest.features),
        "its comparison is unknown": forest.comparison > max(Comparison),
        "its threshold is not a number": np.isnan(forest.threshold),
        "it tests a set and has a threshold": is_member & (forest.threshold.view(np.uint32) != 0),
    }
    for reason, where in faults.items():
        if where.any():
            raise _split_fault(forest, int(where.argmax()), reason)
    far = (forest.target < 0) | (forest.target.astype(np.int64) + forest.width > forest.outputs)
    if far.any():
        tree = int(far.argmax())
        first = forest.target[tree]
        raise ForestError(f"tree {tree}: {forest.width} values from output {first} on exceed {forest.outputs} outputs")


def _verify_sets(forest: Forest) -> None:
    categories = forest.categories
    if categories.size == 0:
        return
    begins = np.zeros(categories.size, np.bool_)
    begins[forest.first_category[:-1][np.diff(forest.first_category) > 0]] = True
    wrong = (categories < 0) | (~begins & (categories <= np.roll(categories, 1)))
    if wrong.any():
        number = int(np.searchsorted(forest.first_category, int(wrong.argmax()), side="right")) - 1
        split = int(np.flatnonzero(forest.comparison == Comparison.MEMBER)[number])
        raise _split_fault(forest, split, "its categories must be non-negative, sorted and distinct")


def _verify_links(forest: Forest) -> None:
    """Every split but a root, and every leaf, is the child of one split of its own tree, and hangs from the root."""
    trees, splits = forest.target.size, forest.feature.size
    tree_of = np.repeat(np.arange(trees), np.diff(forest.first_split))
    # Splits are nodes [0, splits), leaves follow them.
    children = [np.where(side >= 0, side, splits + ~side).astype(np.int64) for side in (forest.left, forest.right)]
    for side, child in zip((forest.left, forest.right), children, strict=True):
        limits = np.where(side >= 0, splits, splits + splits + trees)
        outside = child >= limits
        if outside.any():
            raise _split_fault(forest, int(outside.argmax()), "it has a child that does not exist")
    tree_of_node = np.concatenate([tree_of, np.repeat(np.arange(trees), np.diff(forest.first_split) + 1)])
    parent = np.full(2 * splits + trees, -1, np.int64)
    for child in children:
        stray = tree_of_node[child] != tree_of
        if stray.any():
            raise _split_fault(forest, int(stray.argmax()), "it has a child in another tree")
        parent[child] = np.arange(splits)
    times = np.bincount(np.concatenate(children), minlength=parent.size)
    wanted = np.ones(parent.size, np.int64)
    empty = np.diff(forest.first_split) == 0
    wanted[forest.first_split[:-1][~empty]] = 0
    wanted[splits + np.flatnonzero(empty) + forest.first_split[:-1][empty]] = 0
    if (times != wanted).any():
        node = int((times != wanted).argmax())
        raise ForestError(f"tree {tree_of_node[node]}: {_node_name(node, splits)} is the child of {times[node]} splits")
    roots, _ = roots_and_depths(parent)
    if (roots < 0).any():
        node = int((roots < 0).argmax())
        raise ForestError(f"tree {tree_of_node[node]}: {_node_name(node, splits)} is on a cycle or below one")


def _verify_leaves(forest: Forest) -> None:
    faults = {
        "a leaf's value is not a number": np.isnan(forest.leaf).any(axis=1),
        "a leaf's cover is not a finite number that is at least 0": ~(forest.cover >= 0) | ~np.isfinite(forest.cover),
    }
    for reason, where in faults.items():
        if where.any():
            leaf = int(where.argmax())
            tree = int(np.searchsorted(forest.first_leaf, leaf, side="right")) - 1
            raise ForestError(f"tree {tree}: leaf {leaf}: {reason}")
    if np.isnan(forest.base).any():
        raise ForestError("a base value is not a number")


def _node_name(node: int, splits: int) -> str:
    return f"split {node}" if node < splits else f"leaf {node - splits}"


def _split_fault(forest: Forest, split: int, reason: str) -> ForestError:
    tree = int(np.searchsorted(forest.first_split, split, side="right")) - 1
    return ForestError(f"tree {tree}: split {split}: {reason}")
