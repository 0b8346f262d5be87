"""Whose turn it is: weight, improvement, room to the bound, and nobody starves."""

import math
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from compiler.autotune.scheduler import MEMORY, TaskProgress, expected_gain, expected_improvement, next_task


def fresh(calls: float, seconds: float, bound: float = 0.0) -> TaskProgress:
    return TaskProgress(calls, bound, (seconds,))


def flat(seconds: float, trials: int, calls: float = 1.0, bound: float = 0.0) -> TaskProgress:
    return TaskProgress(calls, bound, (seconds,) * (trials + 1))


def test_the_heaviest_comes_first() -> None:
    assert next_task({"light": fresh(1, 2e-3), "heavy": fresh(10, 1e-3), "rare": fresh(1, 5e-3)}) == "heavy"


def test_equals_go_in_order() -> None:
    assert next_task({"first": fresh(1, 1e-3), "second": fresh(1, 1e-3)}) == "first"


def test_a_task_without_a_kernel_comes_before_all() -> None:
    assert next_task({"heavy": fresh(100, 1.0), "broken": fresh(1, math.inf)}) == "broken"


def test_nothing_is_left_when_all_are_done() -> None:
    assert next_task({}) is None
    done = replace(fresh(9, 1.0), done=True)
    assert next_task({"done": done}) is None
    assert next_task({"done": done, "open": fresh(1, 1e-9)}) == "open"


def test_a_task_at_its_bound_gets_nothing() -> None:
    assert expected_gain(fresh(1, 1e-3, bound=1e-3)) == 0
    assert next_task({"at the peak": fresh(100, 1e-3, bound=0.99e-3), "far": fresh(1, 1e-2, bound=1e-3)}) == "far"


def test_what_improves_goes_on_and_what_stalls_waits() -> None:
    falling = TaskProgress(1.0, 0.0, tuple(1e-3 * 0.97**trial for trial in range(21)))
    assert next_task({"stalled": flat(1e-3, 20), "falling": falling}) == "falling"


def test_improvement_before_the_memory_is_forgotten() -> None:
    jumped = TaskProgress(1.0, 0.0, (2e-3, *(1e-3,) * (MEMORY + 1)))
    assert expected_improvement(jumped) == expected_improvement(flat(1e-3, MEMORY + 1))


def test_first_success_is_no_improvement() -> None:
    found = TaskProgress(1.0, 0.0, (math.inf, math.inf, 1e-3))
    assert expected_improvement(found) == expected_improvement(flat(1e-3, 2))


progresses = st.builds(
    lambda calls, bound, falls: TaskProgress(calls, bound, tuple(math.prod(falls[: i + 1]) for i in range(len(falls)))),
    st.floats(0.1, 1000),
    st.floats(0, 1),
    st.lists(st.floats(0.5, 1), min_size=1, max_size=40),
)


@given(progresses)
def test_no_more_can_be_saved_than_there_is_above_the_bound(progress: TaskProgress) -> None:
    now = progress.best[-1]
    assert 0 <= expected_gain(progress) <= progress.calls * max(0.0, now - progress.bound) * (1 + 1e-9)


@given(progresses)
def test_another_trial_without_success_never_raises_the_gain(progress: TaskProgress) -> None:
    longer = replace(progress, best=(*progress.best, progress.best[-1]))
    assert expected_gain(longer) <= expected_gain(progress) * (1 + 1e-9)


def test_every_task_gets_trials_and_the_heavy_one_most() -> None:
    """Tasks whose searches find a little less each time, as searches do."""
    rng = random.Random(0)
    tasks = {name: fresh(calls, 1e-3) for name, calls in (("heavy", 20.0), ("middle", 5.0), ("light", 1.0))}
    for _ in range(60):
        name = next_task(tasks)
        assert name is not None
        best = list(tasks[name].best)
        for _ in range(4):
            best.append(best[-1] * (1 - 0.1 * rng.random() / len(best)))
        tasks[name] = replace(tasks[name], best=tuple(best))
    trials = [tasks[name].trials for name in ("heavy", "middle", "light")]
    assert trials == sorted(trials, reverse=True)
    assert trials[-1] >= 4
