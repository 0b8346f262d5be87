"""``TunedChoices``: which choice databases give, what tasks take, and that what forms cost is comparable."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.autotune.calibration import Calibration, calibrate, kind_of
from compiler.autotune.database import Database
from compiler.autotune.lookup import APART, TunedChoices
from compiler.autotune.record import Record, TimeSource
from compiler.autotune.validity import Validity
from compiler.codegen.analytic import estimator
from compiler.codegen.space import Choice
from compiler.ir import DType, Graph, Layout, Rewriter, Task, TensorType, parse_graph
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.unary import Neg
from compiler.targets import resolve
from tests.autotune.database.samples import TASKS, VALIDITY, record_of, sum_task

TARGET = resolve("znver4")
FINGERPRINT = TARGET.fingerprint()
ESTIMATE = estimator(TARGET)


def product_task(size: int) -> Task:
    text = (
        f'graph "t" (%0 "x": f32[{size},64], %1 "w": f32[64,64]) {{\n'
        f'%2 = matmul(%0, %1) : f32[{size},64]\nreturn %2 "y"\n}}'
    )
    return Task.of(parse_graph(text))


def known(task: Task, seconds: float | None = 1e-3, **changes: object) -> Record:
    return record_of(task, seconds, fingerprint=FINGERPRINT, **changes)


def database_of(*records: tuple[Task, Record]) -> Database:
    database = Database.in_memory("test")
    for task, record in records:
        database.add(task, [record])
    return database


def tuned(*databases: Database) -> TunedChoices:
    return TunedChoices(databases, TARGET, lambda: VALIDITY)


def refuse() -> Validity:
    raise AssertionError("nobody needs to know what holds")


def test_without_records_there_are_estimates_and_nobody_asks_for_versions() -> None:
    other = database_of((TASKS[0], record_of(TASKS[0])))
    choices = TunedChoices([Database.in_memory("empty"), other], TARGET, refuse)
    assert choices.choose(TASKS[0], TARGET) is None
    assert choices.seconds(TASKS[0]) == ESTIMATE(TASKS[0]) > 0


def test_nobody_asks_for_versions_to_choose_for_a_task_without_records() -> None:
    choices = TunedChoices([database_of((TASKS[0], known(TASKS[0])))], TARGET, refuse)
    assert choices.choose(TASKS[1], TARGET) is None
    with pytest.raises(AssertionError, match="nobody needs to know"):
        choices.choose(TASKS[0], TARGET)


def test_a_choice_and_its_cost_are_those_of_the_best_record() -> None:
    best = known(TASKS[0], 1e-3, choice=Choice.of("direct", {"unroll": 2}), version=2)
    choices = tuned(database_of((TASKS[0], known(TASKS[0], 2e-3)), (TASKS[0], best)))
    assert choices.choose(TASKS[0], TARGET) == best.choice
    assert choices.seconds(TASKS[0]) == 1e-3
    assert choices.choose(TASKS[1], TARGET) is None
    assert choices.choose(TASKS[0], resolve("arm_cortex_a72")) is None, "other machines"


def test_the_first_database_with_a_measurement_decides() -> None:
    predicted, measured = known(TASKS[0], 1e-9, source=TimeSource.PREDICTED), known(TASKS[0], 1e-3)
    mine = known(TASKS[0], 2e-3)
    own, shipped = database_of((TASKS[0], predicted)), database_of((TASKS[1], known(TASKS[1])))
    assert tuned(own, shipped).best(TASKS[0]) == predicted
    shipped.add(TASKS[0], [measured])
    assert tuned(own, shipped).best(TASKS[0]) == measured
    own.add(TASKS[0], [mine])
    assert tuned(own, shipped).best(TASKS[0]) == mine


def test_an_answer_stays_though_others_add_records() -> None:
    database = database_of((TASKS[0], known(TASKS[0], 2e-3)))
    choices = tuned(database)
    assert choices.seconds(TASKS[0]) == 2e-3
    database.add(TASKS[0], [known(TASKS[0], 1e-3)])
    assert choices.seconds(TASKS[0]) == 2e-3
    assert tuned(database).seconds(TASKS[0]) == 1e-3


def test_estimates_are_scaled_like_the_defaults_of_their_kind() -> None:
    products, sums = [product_task(size) for size in (8, 16, 32)], [sum_task(size) for size in (100, 200)]
    factors = {**dict.fromkeys(products, 3.0), **dict.fromkeys(sums, 0.5)}
    records = [(task, known(task, factor * ESTIMATE(task), is_default=True)) for task, factor in factors.items()]
    choices = tuned(database_of(*records))
    assert choices.seconds(product_task(64)) == pytest.approx(3 * ESTIMATE(product_task(64)))
    overall = (3**3 * 0.5**2) ** (1 / 5)
    assert choices.seconds(sum_task(300)) == pytest.approx(overall * ESTIMATE(sum_task(300)))


@pytest.mark.parametrize(
    "changes",
    [{"is_default": False}, {"seconds": None}, {"version": 9}, {"toolchain": "another"}],
)
def test_only_good_defaults_say_how_far_estimates_are_off(changes: dict[str, object]) -> None:
    fields = {"seconds": 7 * ESTIMATE(TASKS[0]), "is_default": True, **changes}
    choices = tuned(database_of((TASKS[0], known(TASKS[0], **fields))))  # pyright: ignore[reportArgumentType]
    assert choices.seconds(TASKS[1]) == ESTIMATE(TASKS[1])


def test_predicted_times_of_defaults_count_where_nothing_was_measured() -> None:
    predicted = known(TASKS[0], 7 * ESTIMATE(TASKS[0]), is_default=True, source=TimeSource.PREDICTED)
    assert tuned(database_of((TASKS[0], predicted))).seconds(TASKS[1]) == pytest.approx(7 * ESTIMATE(TASKS[1]))


def blocked_f64() -> Task:
    """A task that no template computes."""
    graph = Graph("t")
    rewriter, blocked = Rewriter(graph), Layout(((1, 16),))
    x = rewriter.input("x", TensorType(DType.F64, (1, 32, 4, 4), blocked))
    rewriter.output("y", rewriter.emit(Relayout(blocked), rewriter.emit(Neg(), x)))
    return Task.of(graph)


def test_what_no_template_computes_costs_infinitely_much_and_calibrates_nothing() -> None:
    impossible = blocked_f64()
    assert ESTIMATE(impossible) == math.inf
    assert calibrate([(impossible, 1.0)], TARGET) == Calibration()
    scaled = tuned(database_of((TASKS[0], known(TASKS[0], 7 * ESTIMATE(TASKS[0]), is_default=True))))
    assert scaled.seconds(impossible) == math.inf


FORMS = [product_task(size) for size in (8, 16, 32, 64)]
"""Stands for forms of one computation, for which estimates differ."""
WAYS = [[FORMS[0]], [FORMS[1]], [FORMS[2], FORMS[0]], [FORMS[3]]]
ESTIMATES = [sum(map(ESTIMATE, way)) for way in WAYS]
_factors = st.dictionaries(st.sampled_from(FORMS), st.floats(0.1, 10))
"""By how much records of some forms are off their estimates."""


def database_off_by(factors: dict[Task, float]) -> Database:
    return database_of(*[(task, known(task, factor * ESTIMATE(task))) for task, factor in factors.items()])


@given(st.sampled_from(FORMS), st.floats(0.1, 10))
def test_records_of_one_form_alone_do_not_change_what_forms_cost(task: Task, factor: float) -> None:
    costs = tuned(database_off_by({task: factor})).costs([[form] for form in FORMS])
    assert costs == pytest.approx([ESTIMATE(form) for form in FORMS])


@given(_factors)
def test_forms_with_records_are_in_the_order_of_their_records(factors: dict[Task, float]) -> None:
    """But for the one that estimates favour, which must be slower by more than measuring kernels apart may miss."""
    tasks = sorted(factors, key=ESTIMATE)
    times = [factors[task] * ESTIMATE(task) for task in tasks]
    costs = tuned(database_off_by(factors)).costs([[task] for task in tasks])
    scales = [cost / seconds for cost, seconds in zip(costs, times, strict=True)]
    assert scales == pytest.approx([scales[0], *[scales[0] * (1 + APART)] * (len(scales) - 1)] if scales else [])


def test_a_form_is_not_changed_for_a_gain_that_the_network_may_not_see() -> None:
    close = {FORMS[0]: 1.0, FORMS[1]: ESTIMATE(FORMS[0]) / ESTIMATE(FORMS[1]) * (1 - APART / 2)}
    first, second = tuned(database_off_by(close)).costs([[FORMS[0]], [FORMS[1]]])
    assert first == pytest.approx(ESTIMATE(FORMS[0])) and second > first


@given(_factors)
def test_a_way_that_was_not_measured_wins_only_if_estimates_alone_say_so(factors: dict[Task, float]) -> None:
    costs = tuned(database_off_by(factors)).costs(WAYS)
    best = min(range(len(WAYS)), key=costs.__getitem__)
    if not all(task in factors for task in WAYS[best]):
        assert ESTIMATES[best] == min(ESTIMATES) and costs[best] == ESTIMATES[best]


def test_a_way_is_known_when_all_of_it_is() -> None:
    first, second = [FORMS[0]], [FORMS[1], FORMS[2]]
    fast = {FORMS[0]: 1.0, FORMS[1]: 1e-3}
    estimates = [ESTIMATE(FORMS[0]), ESTIMATE(FORMS[1]) + ESTIMATE(FORMS[2])]
    assert tuned(database_off_by(fast)).costs([first, second]) == pytest.approx(estimates)
    both = tuned(database_off_by({**fast, FORMS[2]: 1e-3})).costs([first, second])
    assert both == pytest.approx([estimates[0], 1e-3 * estimates[1] * (1 + APART)])


def test_times_of_other_origin_are_not_compared() -> None:
    """Of a static model beside a clock, of a machine beside another."""
    first, second = FORMS[:2]
    estimates = [ESTIMATE(first), ESTIMATE(second)]
    measured = (first, known(first, 1.0))
    predicted = (second, known(second, 1e-9, source=TimeSource.PREDICTED))
    assert tuned(database_of(measured, predicted)).costs([[first], [second]]) == pytest.approx(estimates)
    elsewhere = database_of((second, known(second, 1e-9)))
    assert tuned(database_of(measured), elsewhere).costs([[first], [second]]) == pytest.approx(estimates)
    assert tuned(database_of(measured, (second, known(second, 0.5)))).costs([[first], [second]])[1] < estimates[0]


def test_ways_that_cost_nothing_or_cannot_be_stay_so() -> None:
    choices = tuned(database_off_by({FORMS[0]: 2.0}))
    impossible = blocked_f64()
    assert choices.costs([[], [impossible], [FORMS[0]]]) == [0.0, math.inf, pytest.approx(ESTIMATE(FORMS[0]))]


def test_tasks_of_ops_from_outside_the_tree_are_passed_over() -> None:
    foreign = Task('graph "task" (%0 "in0": f32[7]) {\n  %1 = test.square(%0) : f32[7]\n  return %1 "out0"\n}\n')
    assert calibrate([(foreign, 1.0)], TARGET) == Calibration()


def test_kinds_tell_apart_what_templates_do() -> None:
    assert kind_of(product_task(8).graph()) == "matmul"
    assert kind_of(sum_task(8).graph()) == ""
