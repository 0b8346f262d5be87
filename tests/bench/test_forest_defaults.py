"""`python -m bench.forest_defaults`: how a batch is put together, and a small forest from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.exhaustive.measure import Effort
from bench.forest_defaults import Kernel, Measure, Program, batch_seconds, main, program_of, rows_of_table
from compiler.codegen.space import Choice
from compiler.model_tuner.survey import of_rows
from compiler.passes import PassManager
from compiler.targets import resolve
from tests.model_tuner.test_forest_forms import CODE, OTHERS, SLICED, SUMS, WALK, cost_of, costs_of, kind_of, one_row


def program(rows: int, expected: float, default: float, best: float) -> Program:
    return Program(rows, expected, default, best, "a", "b")


PROGRAMS = (program(100, 10.0, 20.0, 8.0), program(1, 1.0, 1.5, 0.5))


@pytest.mark.parametrize(
    ("rows", "guessed", "real"), [(1, 1, 1.5), (200, 20, 40), (205, 25, 47.5), (299, 30, 60), (30, 10, 20)]
)
def test_what_is_left_over_is_padded_or_not_as_it_is_guessed(rows: int, guessed: float, real: float) -> None:
    found = batch_seconds(rows, PROGRAMS, lambda p: p.expected, lambda p: p.default)
    assert found == (guessed, real)


def test_the_best_is_guessed_with_what_is_true() -> None:
    lines = rows_of_table("model", (1, 30, 100), PROGRAMS)
    assert [ratio for ratio, _ in lines] == [3.0, 20 / 8, 2.5]
    assert [line[:4] for _, line in lines] == [("model", "a", "b", str(rows)) for rows in (1, 30, 100)]


def test_the_best_form_may_be_another_one() -> None:
    target = resolve("znver4")
    seconds = cost_of({SLICED: 1.0, WALK: 1.1, SUMS: 0.2, **OTHERS, CODE: 9.0})
    tile, *_ = of_rows("forest", one_row(), PassManager.parse("standard")).surveys(target, costs_of(seconds), seconds)
    took = {SLICED: Kernel(5.0, 4.0, Choice("x", ())), WALK: Kernel(4.0, 2.0, Choice("y", (("rows", 4),)))}
    took[SUMS] = Kernel(1.0, 1.0, Choice("whole", ()))
    found = program_of(tile, lambda task: took.get(kind_of(task), Kernel(9.0, 9.0, Choice("z", ()))))
    assert (found.rows, found.expected, found.default, found.best) == (512, 1.0, 5.0, 3.0)
    assert (found.default_form, found.best_form) == (SLICED, f"y rows=4, {SUMS}")


def test_a_kernel_is_measured_beside_others(tmp_path: Path) -> None:
    measure = Measure(resolve("host"), tmp_path, 1, 3, Effort(passes=1, more=1))
    seconds = cost_of({})
    model = of_rows("forest", one_row(), PassManager.parse("standard"))
    *_, row = model.surveys(resolve("host"), costs_of(seconds), seconds)
    for task in row.calls:
        measure.build(task)
        found = measure.kernel(task)
        assert 0 < found.best <= found.default


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no_such_forest"]) == 2
    assert "no_such_forest" in capsys.readouterr().err
