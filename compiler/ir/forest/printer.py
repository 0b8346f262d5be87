"""Forest -> text. ``compiler.ir.forest.parser`` reads exactly this back.

By example; ``x2`` is column 2 of the input, ``s0`` a split, ``v0`` a leaf::

    f32[4] -> [0.5, 0.0] width 1 {
      tree 1 {
        s0: x2 < 0.25 ? s1 : v2, missing left
        s1: x0 in {1, 3} ? v0 : v1, missing right
        v0: 0.5, id 3, cover 12.0
        v1: -0.5, id 4, cover 8.0
        v2: 1.5, id 2, cover 20.0
      }
    }

The head has the type of the sums, the number of features, the base values and the number of values per leaf; ``tree 1``
adds to output 1. Covers that are zero are left out. White space means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler.ir.forest.comparison import Comparison
from compiler.ir.forest.forest import Forest
from compiler.ir.literal import Array


def print_forest(forest: Forest, indent: int = 0) -> str:
    """The text, without a newline at its end; lines after the first are indented by ``indent`` steps."""
    return ("\n" + "  " * indent).join(_lines(forest))


def _lines(forest: Forest) -> Iterator[str]:
    yield f"{forest.dtype.value}[{forest.features}] -> {_values(forest.base)} width {forest.width} {{"
    for tree in range(forest.trees):
        yield f"  tree {forest.target[tree]} {{"
        for split in range(forest.first_split[tree], forest.first_split[tree + 1]):
            yield f"    s{split}: {_split(forest, split)}"
        for leaf in range(forest.first_leaf[tree], forest.first_leaf[tree + 1]):
            yield f"    v{leaf}: {_leaf(forest, leaf)}"
        yield "  }"
    yield "}"


def _split(forest: Forest, split: int) -> str:
    comparison = Comparison(int(forest.comparison[split]))
    if comparison is Comparison.MEMBER:
        number = forest.member_of[split]
        members = forest.categories[forest.first_category[number] : forest.first_category[number + 1]]
        wanted = "{" + ", ".join(map(str, members.tolist())) + "}"
    else:
        wanted = _number(forest.threshold[split])
    left, right = _child(int(forest.left[split])), _child(int(forest.right[split]))
    missing = "left" if forest.default_left[split] else "right"
    return f"x{forest.feature[split]} {comparison.symbol} {wanted} ? {left} : {right}, missing {missing}"


def _leaf(forest: Forest, leaf: int) -> str:
    row = forest.leaf[leaf]
    value = _number(row[0]) if forest.width == 1 else _values(row)
    cover = f", cover {_number(forest.cover[leaf])}" if forest.cover[leaf] else ""
    return f"{value}, id {forest.leaf_id[leaf]}{cover}"


def _child(child: int) -> str:
    return f"s{child}" if child >= 0 else f"v{~child}"


def _values(row: Array) -> str:
    return "[" + ", ".join(map(_number, row)) + "]"


def _number(value: np.floating) -> str:
    """The shortest decimal that reads back to the same bits."""
    return str(value)
