"""`python -m bench.costmodel`: what it computes from a table, on tables whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from bench.costmodel import FEW, Ranking, is_good, main, rank, spearman
from bench.tables import Point, Table, save_table
from compiler.codegen.space import Knob, Space

TASK = 'graph "task" (%0 "x": f32[4,8]) {\n  %1 = exp(%0) : f32[4,8]\n  return %1 "y"\n}\n'


def table(cycles: list[float], seconds: list[float | None]) -> Table:
    """A space of one knob, whose first value is the default."""
    values = tuple(range(1, len(cycles) + 1))
    points = tuple(
        Point({"rows": value}, took, {"cycles": float(count)})
        for value, count, took in zip(values, cycles, seconds, strict=True)
    )
    return Table(TASK, "znver4", "some", "rows", 1, Space((Knob("rows", values, 1),)), points)


def test_a_model_that_is_right_has_no_regret() -> None:
    ranking = rank(table([3, 1, 2], [30e-6, 10e-6, 20e-6]))
    assert ranking.spearman == pytest.approx(1)
    assert (ranking.first, ranking.few) == (0, 0)
    assert (ranking.default, ranking.typical) == pytest.approx((2, 1))
    assert ranking.points == 3


def test_a_model_that_is_wrong_has_the_regret_of_what_it_likes() -> None:
    ranking = rank(table([float(i) for i in range(20)], [1e-6 * (40 - i) for i in range(20)]))
    assert ranking.spearman == pytest.approx(-1)
    assert ranking.first == pytest.approx(40 / 21 - 1)
    assert ranking.few == pytest.approx((40 - FEW + 1) / 21 - 1)


def test_points_that_failed_do_not_count() -> None:
    ranking = rank(table([3, 1, 2], [30e-6, None, 20e-6]))
    assert (ranking.points, ranking.first) == (2, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_rank_correlation_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(column, float) for column in zip(*pairs, strict=True))
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        assert spearman(left, right) == 0
    else:
        assert spearman(left, right) == pytest.approx(spearmanr(left, right)[0])


@pytest.mark.parametrize(
    ("spearmans", "few", "good"), [((0.9, 0.85), 0.01, True), ((0.9, 0.5), 0.01, False), ((0.9, 0.9), 0.2, False)]
)
def test_medians_decide(spearmans: tuple[float, ...], few: float, good: bool) -> None:
    rankings = [Ranking("t", "rows", 3, value, few, few, 0.1, 0.1) for value in spearmans]
    assert is_good(rankings) is good


def test_the_command_prints_a_row_per_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right, wrong = table([3, 1, 2], [30e-6, 10e-6, 20e-6]), table([1, 3, 2], [30e-6, 10e-6, 20e-6])
    save_table(right, tmp_path / "right.json.xz")
    assert main([str(tmp_path)]) == 0
    assert right.task_hash in capsys.readouterr().out
    save_table(wrong, tmp_path / "right.json.xz")
    assert main([str(tmp_path)]) == 1
    assert main([str(tmp_path / "nothing")]) == 2
