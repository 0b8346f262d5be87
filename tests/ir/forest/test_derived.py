"""What follows from a forest is worked out once."""

from __future__ import annotations

from compiler.ir.forest import Forest, once_per_forest, parse_forest, print_forest
from tests.ir.forest.examples import EXAMPLE


def test_a_forest_is_asked_once_for_each_of_the_other_arguments() -> None:
    asked: list[tuple[int, int]] = []

    @once_per_forest
    def leaves_times(forest: Forest, first: int, second: int = 1) -> int:
        asked.append((first, second))
        return forest.leaves * first * second

    @once_per_forest
    def nothing(forest: Forest, first: int) -> None:
        asked.append((first, 0))

    same = parse_forest(print_forest(EXAMPLE))
    assert [leaves_times(same, n) for n in (1, 2, 1, 2)] == [4, 8, 4, 8]
    assert [leaves_times(same, 1, second=3) for _ in range(2)] == [12, 12]
    assert [nothing(same, 1) for _ in range(2)] == [None, None]
    assert asked == [(1, 1), (2, 1), (1, 3), (1, 0)]


def test_what_is_kept_is_no_part_of_the_forest() -> None:
    @once_per_forest
    def name(forest: Forest) -> str:
        return forest.digest

    first, second = (parse_forest(print_forest(EXAMPLE)) for _ in range(2))
    assert name(first) == name(second)
    assert first == second
    assert first.derived is not second.derived
