"""What records promise, from the tasks of builds with and without them, and seconds of kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from compiler.autotune.events import TaskKnown, TasksAdopted, TrialDone
from compiler.autotune.tuning_task import TuningTask
from compiler.codegen.analytic import estimator
from compiler.ir import Task
from compiler.model_tuner.forecast import ModelsSurveyed
from compiler.model_tuner.promise import Promise, connected, promises
from compiler.model_tuner.survey import Survey, what_is_computed, without_costs
from compiler.model_tuner.view import Board
from compiler.passes import PassManager
from compiler.targets import resolve
from tests.autotune.database.samples import TASKS, record_of
from tests.model_tuner.samples import network
from tests.model_tuner.test_forest_forms import costs_of

A, B, C, D, E = TASKS
ESTIMATE = 1.0


def survey(calls: Mapping[Task, int], *questions: set[Task]) -> Survey:
    """A model whose ops have the numbers of their tasks."""
    names = {task: str(TASKS.index(task)) for task in calls}
    return Survey("net", calls, names, Counter(), dict.fromkeys(TASKS, ESTIMATE), frozenset(map(frozenset, questions)))


def gains(found: list[Promise]) -> dict[str, float]:
    return {promise.name: promise.gain for promise in found}


def hashes(*tasks: Task) -> frozenset[str]:
    return frozenset(task.hash for task in tasks)


def test_a_gain_is_the_part_of_the_model_s_time_that_all_calls_save() -> None:
    now = survey({A: 3, B: 1})
    default, best = {A: 2.0, B: 4.0}, {A: 1.5, B: 1.0}
    found = promises(ModelsSurveyed([now], [now]), default.get, best.get, hashes(A, B))
    assert gains(found) == pytest.approx({"1": 0.3, "0": 0.15})
    assert [promise.tasks for promise in found] == [hashes(B), hashes(A)]


def test_models_count_alike_and_share_what_they_have_in_common() -> None:
    short, long = survey({A: 1}), survey({A: 1, B: 9})
    both = ModelsSurveyed([short, long], [short, long])
    found = promises(both, dict.fromkeys(TASKS, 2.0).get, {A: 1.0, B: 2.0}.get, hashes(A, B))
    assert gains(found) == pytest.approx({"0": 1 / 2 + 1 / 20, "1": 0})


def test_forms_among_which_passes_choose_stay_or_go_together() -> None:
    """A gain counts from the form that is built without records; C is not taken, and its records decide with."""
    now, untuned = survey({A: 1, D: 1}, {A, B, C}), survey({B: 1, D: 1}, {A, B, C})
    default, best = {A: 3.0, B: 2.0, C: 9.0, D: 2.0}, {A: 1.0, B: 1.9, C: 8.0, D: 2.0}
    found = promises(ModelsSurveyed([now], [untuned]), default.get, best.get, hashes(*TASKS[:4]))
    assert gains(found) == pytest.approx({"1": 0.25, "3": 0})
    assert found[0].tasks == hashes(A, B, C)


def test_what_is_not_known_is_estimated_alike_on_both_sides() -> None:
    now = survey({A: 1, B: 1})
    found = promises(ModelsSurveyed([now], [now]), {A: 3.0}.get, {A: 2.0}.get, hashes(A, B))
    assert gains(found) == pytest.approx({"0": 0.25, "1": 0})


def test_each_task_with_records_is_in_one_promise_and_no_other_task_makes_one() -> None:
    """E is of no build any more, and no pass asks about it."""
    now = survey({A: 1, B: 1}, {B, C})
    found = promises(ModelsSurveyed([now], [now]), {}.get, {}.get, hashes(C, E))
    assert sorted(map(sorted, (promise.tasks for promise in found))) == sorted(map(sorted, (hashes(B, C), hashes(E))))


def test_groups_are_joined_along_chains() -> None:
    apart = [frozenset([A]), frozenset([B, C]), frozenset([D])]
    assert sorted(map(len, connected(apart))) == [1, 1, 2]
    assert sorted(map(len, connected([*apart, frozenset([D, E]), frozenset([C, E])]))) == [1, 4]


def test_a_survey_tells_what_passes_chose_among() -> None:
    """Of a network of two convolutions, the forms of each are one group."""
    target = resolve("znver4")
    seconds = estimator(target)
    model = without_costs("small", network(), PassManager.parse("standard"), target)
    (found,) = model.surveys(target, costs_of(seconds), seconds)
    convolutions = [task for task in found.calls if " conv(" in task.text or "winograd_conv(" in task.text]
    groups = {task: next(g for g in connected(found.questions) if task in g) for task in convolutions}
    first, second = groups.values()
    assert not first & second and min(len(first), len(second)) > 1
    for task, group in groups.items():
        assert what_is_computed(task) in set(map(what_is_computed, group))


def test_a_session_promises_what_it_has_found_itself() -> None:
    """Not what was known before, nor where no default tells the gain."""
    board, now = Board(), survey({A: 1, B: 1, C: 1})
    tuning = {task: TuningTask(task, "op", 1.0) for task in (A, B, C)}
    board.hear(ModelsSurveyed([now], [now]))
    board.hear(TasksAdopted(list(tuning.values())))
    board.hear(TaskKnown(tuning[A], 2.0, 1.0, 9))
    board.hear(TaskKnown(tuning[B], 2.0, 2.0, 1))
    board.hear(TrialDone(tuning[A], record_of(A, 1.5), improved=False, trials=10))
    board.hear(TrialDone(tuning[B], record_of(B, 1.0), improved=True, trials=2))
    board.hear(TrialDone(tuning[C], record_of(C, 0.2), improved=True, trials=1))
    found = board.promises(hashes(A, B, C))
    assert gains(found) == pytest.approx({"1": 1 / (2 + 2 + 0.2), "0": 0, "2": 0})
