"""The solver of the layout problem, against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compiler.passes.layouts.pbqp import Problem, solve


def total(problem: Problem, choice: tuple[int, ...] | list[int]) -> float:
    own = sum(costs[number] for costs, number in zip(problem.costs, choice, strict=True))
    pairs = sum(
        costs[choice[first], choice[second]]
        for first, others in enumerate(problem.pairs)
        for second, costs in others.items()
        if first < second
    )
    return float(own + pairs)


def minimum(problem: Problem) -> float:
    return min(total(problem, choice) for choice in itertools.product(*(range(len(c)) for c in problem.costs)))


@st.composite
def problems(draw: st.DrawFn, max_degree: int) -> Problem:
    """Up to seven variables of up to three alternatives; pairs as the degree allows."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=7))
    numbers = np.random.default_rng(draw(st.integers(0, 10_000)))
    problem = Problem()
    for size in sizes:
        problem.variable(numbers.integers(0, 20, size).astype(float))
    for first, second in itertools.combinations(range(len(sizes)), 2):
        fits = max(len(problem.pairs[first]), len(problem.pairs[second])) < max_degree
        if fits and draw(st.booleans()):
            problem.pair(first, second, numbers.integers(0, 20, (sizes[first], sizes[second])).astype(float))
    return problem


@given(problem=problems(max_degree=2))
def test_chains_and_circles_are_solved_exactly(problem: Problem) -> None:
    assert total(problem, solve(problem)) == minimum(problem)


@given(problem=problems(max_degree=6))
def test_any_problem_gets_a_choice_no_worse_than_twice_what_is_needed_at_random(problem: Problem) -> None:
    choice = solve(problem)
    assert [0 <= number < len(costs) for number, costs in zip(choice, problem.costs, strict=True)]
    worst = max(total(problem, c) for c in itertools.product(*(range(len(c)) for c in problem.costs)))
    assert minimum(problem) <= total(problem, choice) <= worst


def test_a_diamond_is_solved_exactly() -> None:
    problem = Problem()
    first, left, right, last = (problem.variable(np.array(costs, float)) for costs in ([0, 3], [5, 0], [0, 4], [1, 1]))
    differ = np.array([[0.0, 2.0], [2.0, 0.0]])
    for pair in ((first, left), (first, right), (left, last), (right, last)):
        problem.pair(*pair, differ)
    assert total(problem, solve(problem)) == minimum(problem)


def test_two_pairs_of_the_same_variables_add_up() -> None:
    problem = Problem()
    a, b = problem.variable(np.zeros(2)), problem.variable(np.array([0.0, 1.0]))
    problem.pair(a, b, np.array([[3.0, 0.0], [0.0, 3.0]]))
    problem.pair(b, a, np.array([[0.0, 3.0], [3.0, 0.0]]))
    assert total(problem, solve(problem)) == 3.0


def test_what_is_impossible_is_not_chosen() -> None:
    problem = Problem()
    a, b = problem.variable(np.array([np.inf, 9.0])), problem.variable(np.array([1.0, 2.0]))
    problem.pair(a, b, np.array([[0.0, 0.0], [np.inf, 5.0]]))
    assert solve(problem) == [1, 1]
