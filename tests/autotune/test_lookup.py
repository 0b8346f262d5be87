"""``TunedChoices``: which choice databases give, and that costs from records and from estimates are comparable."""

from __future__ import annotations

import math

import pytest

from compiler.autotune.calibration import Calibration, calibrate, kind_of
from compiler.autotune.database import Database
from compiler.autotune.lookup import TunedChoices
from compiler.autotune.record import Record, Source
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
    assert choices.cost(TASKS[0]) == ESTIMATE(TASKS[0]) > 0


def test_a_choice_and_its_cost_are_those_of_the_best_record() -> None:
    best = known(TASKS[0], 1e-3, choice=Choice.of("direct", {"unroll": 2}), version=2)
    choices = tuned(database_of((TASKS[0], known(TASKS[0], 2e-3)), (TASKS[0], best)))
    assert choices.choose(TASKS[0], TARGET) == best.choice
    assert choices.cost(TASKS[0]) == 1e-3
    assert choices.choose(TASKS[1], TARGET) is None
    assert choices.choose(TASKS[0], resolve("arm_cortex_a72")) is None, "other machines"


def test_an_answer_stays_though_others_add_records() -> None:
    database = database_of((TASKS[0], known(TASKS[0], 2e-3)))
    choices = tuned(database)
    assert choices.cost(TASKS[0]) == 2e-3
    database.add(TASKS[0], [known(TASKS[0], 1e-3)])
    assert choices.cost(TASKS[0]) == 2e-3
    assert tuned(database).cost(TASKS[0]) == 1e-3


def test_estimates_are_scaled_like_the_defaults_of_their_kind() -> None:
    products, sums = [product_task(size) for size in (8, 16, 32)], [sum_task(size) for size in (100, 200)]
    factors = {**dict.fromkeys(products, 3.0), **dict.fromkeys(sums, 0.5)}
    records = [(task, known(task, factor * ESTIMATE(task), is_default=True)) for task, factor in factors.items()]
    choices = tuned(database_of(*records))
    assert choices.cost(product_task(64)) == pytest.approx(3 * ESTIMATE(product_task(64)))
    overall = (3**3 * 0.5**2) ** (1 / 5)
    assert choices.cost(sum_task(300)) == pytest.approx(overall * ESTIMATE(sum_task(300)))


@pytest.mark.parametrize(
    "changes",
    [{"is_default": False}, {"seconds": None}, {"version": 9}, {"toolchain": "another"}],
)
def test_only_good_defaults_say_how_far_estimates_are_off(changes: dict[str, object]) -> None:
    fields = {"seconds": 7 * ESTIMATE(TASKS[0]), "is_default": True, **changes}
    choices = tuned(database_of((TASKS[0], known(TASKS[0], **fields))))  # pyright: ignore[reportArgumentType]
    assert choices.cost(TASKS[1]) == ESTIMATE(TASKS[1])


def test_predicted_times_of_defaults_count_where_nothing_was_measured() -> None:
    predicted = known(TASKS[0], 7 * ESTIMATE(TASKS[0]), is_default=True, source=Source.PREDICTED)
    assert tuned(database_of((TASKS[0], predicted))).cost(TASKS[1]) == pytest.approx(7 * ESTIMATE(TASKS[1]))


def test_what_no_template_computes_costs_infinitely_much_and_calibrates_nothing() -> None:
    graph = Graph("t")
    rewriter, blocked = Rewriter(graph), Layout(((1, 16),))
    x = rewriter.input("x", TensorType(DType.F64, (1, 32, 4, 4), blocked))
    rewriter.output("y", rewriter.emit(Relayout(blocked), rewriter.emit(Neg(), x)))
    impossible = Task.of(graph)
    assert ESTIMATE(impossible) == math.inf
    assert calibrate([(impossible, 1.0)], TARGET) == Calibration()
    scaled = tuned(database_of((TASKS[0], known(TASKS[0], 7 * ESTIMATE(TASKS[0]), is_default=True))))
    assert scaled.cost(impossible) == math.inf


def test_tasks_of_ops_from_outside_the_tree_are_passed_over() -> None:
    foreign = Task('graph "task" (%0 "in0": f32[7]) {\n  %1 = test.square(%0) : f32[7]\n  return %1 "out0"\n}\n')
    assert calibrate([(foreign, 1.0)], TARGET) == Calibration()


def test_kinds_tell_apart_what_templates_do() -> None:
    assert kind_of(product_task(8).graph()) == "matmul"
    assert kind_of(sum_task(8).graph()) == ""
