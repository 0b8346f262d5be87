"""Surveys of forests: a tile of rows and a single row, each with the other algorithms that are worth a trial."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compiler.batching import FEWER_ROWS, ROWS_PER_VECTOR_BYTE
from compiler.ir import DType, Graph, Rewriter, Task, TensorType
from compiler.ir.ops.forest import ForestSums
from compiler.model_tuner.survey import SecondsOf, Survey, of_rows, tuning_tasks
from compiler.passes import CostsOf, PassManager
from compiler.targets import resolve
from tests.ir.forest.examples import EXAMPLE

TARGET = resolve("znver4")
WALK, SUMS, SLICED, CODE = "forest_walk", "sum_leaves", "bitsliced_forest", "branching_forest"
OTHERS = dict.fromkeys(("leafwise_forest", "masked_forest", "perfect_walk", "sparse_walk"), 3.0)


def one_row() -> Graph:
    graph = Graph("forest")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (1, EXAMPLE.features)))
    rewriter.output("y", rewriter.emit(ForestSums(EXAMPLE), x))
    return graph


def kind_of(task: Task) -> str:
    (node,) = task.graph().nodes
    return node.op.name


def surveys(seconds: dict[str, float]) -> list[Survey]:
    """With given costs of kinds of tasks; the forest as code costs much, and all others next to nothing."""
    seconds = {CODE: 9.0, **seconds}
    return of_rows("forest", one_row(), PassManager.parse("standard")).surveys(
        TARGET, costs_of(cost_of(seconds)), cost_of(seconds)
    )


def costs_of(seconds: SecondsOf) -> CostsOf:
    """Costs of ways, given those of tasks."""
    return lambda ways: [sum(map(seconds, way)) for way in ways]


def cost_of(seconds: dict[str, float]) -> Callable[[Task], float]:
    return lambda task: next((cost for op, cost in seconds.items() if f" {op}(" in task.text), 1e-12)


def test_a_tile_and_a_row_are_surveyed_as_builds_make_them() -> None:
    tile, smaller, row = surveys({})
    rows = ROWS_PER_VECTOR_BYTE * TARGET.vector_bytes
    names = [survey.model for survey in (tile, smaller, row)]
    assert names == [f"forest, {rows} rows", f"forest, {FEWER_ROWS} rows", "forest, a row"]
    assert all(f"{rows}," in task.text for task in tile.calls) and not set(tile.calls) & set(row.calls)
    tasks = tuning_tasks([tile, row], [tile, row], TARGET, 1e11)
    assert {*tile.calls, *row.calls} <= {tuning.task for tuning in tasks}


def test_forms_of_a_forest_that_come_close_are_tried() -> None:
    """The bit-sliced one is the best; the walk and its sums together come close to it."""
    tile, *_ = surveys({SLICED: 1.0, WALK: 0.9, SUMS: 0.2, **OTHERS})
    tasks = {kind_of(tuning.task): tuning for tuning in tuning_tasks([tile], [tile], TARGET, 1e11)}
    assert {kind for kind in tasks if tasks[kind].chosen} == {SLICED}
    assert tasks[WALK].rival == pytest.approx(0.8) and tasks[SUMS].rival == pytest.approx(0.1)
    assert tasks[WALK].weight == tasks[SUMS].weight == tasks[SLICED].weight == 1


def test_a_forest_that_is_code_is_a_form_like_others() -> None:
    tile, *_ = surveys({SLICED: 1.0, WALK: 9.0, SUMS: 9.0, CODE: 1.2, **OTHERS})
    tasks = {kind_of(tuning.task): tuning for tuning in tuning_tasks([tile], [tile], TARGET, 1e11)}
    assert set(tasks) == {SLICED, CODE} and tasks[CODE].rival == pytest.approx(1.0)


def test_forms_that_are_far_behind_are_not_tried() -> None:
    tile, *_ = surveys({SLICED: 1.0, WALK: 1.6, SUMS: 0.2, **OTHERS})
    assert {kind_of(tuning.task) for tuning in tuning_tasks([tile], [tile], TARGET, 1e11)} == {SLICED}
