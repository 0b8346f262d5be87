"""The vectorized reference against a walk that is written down as a person would, and rounding in order."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, leaves_reached, parse_forest, sums
from tests.ir.forest.strategies import forests, rows_for


def walk(forest: Forest, tree: int, row: list[float]) -> int:
    place = int(forest.roots[tree])
    while place >= 0:
        goes_left = holds(forest, place, row[forest.feature[place]])
        place = int(forest.left[place] if goes_left else forest.right[place])
    return ~place


def holds(forest: Forest, split: int, x: float) -> bool:
    if math.isnan(x):
        return bool(forest.default_left[split])
    t = float(forest.threshold[split])
    match Comparison(int(forest.comparison[split])):
        case Comparison.LESS:
            return x < t
        case Comparison.LESS_EQUAL:
            return x <= t
        case Comparison.GREATER:
            return x > t
        case Comparison.GREATER_EQUAL:
            return x >= t
        case Comparison.EQUAL:
            return x == t
        case Comparison.NOT_EQUAL:
            return x != t
        case Comparison.MEMBER:
            number = sum(int(kind == Comparison.MEMBER) for kind in forest.comparison[:split])
            members = forest.categories[forest.first_category[number] : forest.first_category[number + 1]]
            return 0 <= x < math.inf and math.trunc(x) in members.tolist()


@given(st.data())
def test_each_row_ends_where_a_walk_ends(data: st.DataObject) -> None:
    forest = data.draw(forests())
    rows = data.draw(rows_for(forest))
    wanted = [[walk(forest, tree, row) for tree in range(forest.trees)] for row in rows.tolist()]
    reached = leaves_reached(forest, rows)
    assert reached.dtype == np.int32
    np.testing.assert_array_equal(reached, np.array(wanted, np.int32).reshape(len(rows), forest.trees))


@given(st.data())
def test_sums_are_rounded_in_the_order_of_trees(data: st.DataObject) -> None:
    forest = data.draw(forests())
    rows = data.draw(rows_for(forest))
    start = None
    if data.draw(st.booleans()):
        numbers = np.linspace(-3, 3, len(rows) * forest.outputs, dtype=forest.leaf.dtype)
        start = numbers.reshape(len(rows), forest.outputs)
    made = sums(forest, rows, start)
    for number, row in enumerate(rows.tolist()):
        wanted = list(forest.base if start is None else start[number])
        for tree in range(forest.trees):
            for index, value in enumerate(forest.leaf[walk(forest, tree, row)]):
                with np.errstate(over="ignore", invalid="ignore"):
                    wanted[forest.target[tree] + index] += value
        assert made[number].tobytes() == np.array(wanted, forest.leaf.dtype).tobytes()


def test_order_decides_in_float32() -> None:
    def total(*leaves: float) -> float:
        trees = " ".join(f"tree 0 {{ v{place}: {leaf}, id 0 }}" for place, leaf in enumerate(leaves))
        return float(sums(parse_forest(f"f32[1] -> [0.0] width 1 {{ {trees} }}"), np.zeros((1, 1), np.float32))[0, 0])

    assert total(2.0**24, 1, 1) == 2.0**24
    assert total(1, 1, 2.0**24) == 2.0**24 + 2
