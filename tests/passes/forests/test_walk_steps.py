"""Steps that walks take before somebody asks who is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.ir.forest import parse_forest
from compiler.passes.forests.walk_steps import walk_steps
from tests.ir.forest.examples import chain_text, full_tree


def test_perfect_trees_take_all_steps() -> None:
    assert walk_steps(full_tree(6), 0, 8) == (6, 6)
    assert walk_steps(full_tree(6), 4, 8) == (2, 2)
    assert walk_steps(full_tree(6), 9, 8) == (0, 0)


def test_few_rows_get_to_the_end_of_a_chain() -> None:
    """Half of the rows leave it at every step."""
    alone, many = (walk_steps(parse_forest(chain_text(100)), 0, together) for together in (1, 64))
    assert alone[1] == many[1] == 100
    assert 0 < alone[0] < many[0] < 20


def test_where_most_rows_are_deep_all_steps_are_usual() -> None:
    forest = parse_forest(chain_text(20))
    deepest = replace(forest, cover=np.where(np.arange(forest.leaves) >= forest.leaves - 2, 1000, 1).astype(np.float32))
    assert walk_steps(deepest, 0, 8) == (20, 20)
