"""Statistics of run times on samples whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.timing import NoSamples, ratio_of_medians, summarize, take_turns, timed_runs

times = st.lists(st.lists(st.floats(1e-6, 10.0), min_size=1, max_size=8), min_size=1, max_size=6)


def test_a_summary_orders_the_runs_of_all_turns() -> None:
    summary = summarize([[5.0, 1.0], [2.0], [4.0, 3.0]])
    assert (summary.minimum, summary.median, summary.runs) == (1.0, 3.0, 5)
    assert (summary.lower_quartile, summary.upper_quartile, summary.interquartile_range) == (2.0, 4.0, 2.0)


@pytest.mark.parametrize("nothing", [[], [[]]])
def test_a_summary_of_nothing_is_refused(nothing: list[list[float]]) -> None:
    with pytest.raises(NoSamples):
        summarize(nothing)


def test_the_interval_holds_the_true_ratio_of_noisy_engines() -> None:
    rng = np.random.default_rng(1)
    slow = rng.lognormal(np.log(0.020), 0.05, (20, 30)).tolist()
    fast = rng.lognormal(np.log(0.010), 0.05, (20, 30)).tolist()
    ratio = ratio_of_medians(slow, fast)
    assert ratio.low < 2.0 < ratio.high
    assert ratio.high - ratio.low < 0.1


def test_a_disturbance_that_falls_on_both_does_not_widen_the_interval() -> None:
    loads = [1.0, 3.0, 1.0, 2.0, 5.0, 1.0]
    ratio = ratio_of_medians([[2e-3 * load] for load in loads], [[1e-3 * load] for load in loads])
    assert [ratio.value, ratio.low, ratio.high] == pytest.approx([2.0] * 3)


@given(times, times)
def test_the_interval_surrounds_the_ratio(above: list[list[float]], below: list[list[float]]) -> None:
    ratio = ratio_of_medians(above, below)
    assert ratio.low <= ratio.value <= ratio.high
    assert ratio == ratio_of_medians(above, below), "the same samples give the same interval"


def test_engines_take_turns_and_the_first_turn_is_thrown_away() -> None:
    order: list[str] = []

    def engine(name: str) -> Sequence[float]:
        order.append(name)
        return [float(len(order))]

    measured = take_turns({"a": lambda: engine("a"), "b": lambda: engine("b")}, 2)
    assert order == ["a", "b"] * 3
    assert measured == {"a": [[3.0], [5.0]], "b": [[4.0], [6.0]]}


class Clock:
    """A clock that a run moves forward by a given time."""

    def __init__(self, step: float) -> None:
        self.now = 100.0
        self.step = step

    def __call__(self) -> float:
        return self.now

    def run(self) -> None:
        self.now += self.step


@pytest.mark.parametrize(("step", "runs"), [(0.125, 8), (0.4, 3), (30.0, 3)])
def test_runs_fill_the_budget_and_are_at_least_three(step: float, runs: int) -> None:
    clock = Clock(step)
    assert timed_runs(clock.run, 1.0, clock=clock) == pytest.approx([step] * runs)
