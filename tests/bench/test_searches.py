"""The replay of searches on tables: arrivals, the default left out, the report, and what counts as missed."""

import math
import random
from pathlib import Path

import pytest

from bench.replay import Landscape, Replay, landscapes, replay
from bench.searches import Result, main, report, shortcomings
from bench.tables import Point, Table, save_table
from compiler.autotune.cost_model import CostModel
from compiler.autotune.search.table import SEARCHES
from compiler.codegen.space import Choice, Knob, Space
from compiler.ir import DType, Graph, Rewriter, Task, TensorType
from compiler.ir.ops.contraction import MatMul


def task_text(rows: int) -> str:
    """A matrix product's task."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    a, b = (rewriter.input(name, TensorType(DType.F32, shape)) for name, shape in (("a", (rows, 32)), ("b", (32, 48))))
    rewriter.output("out", rewriter.node(MatMul(), [a, b]).result)
    return Task.of(graph).text


TASK = task_text(64)
SPACE = Space((Knob("rows", tuple(range(1, 17)), 8), Knob("depth", tuple(range(1, 17)), 8)))


def some_table(task: str = TASK, template: str = "direct", peak: tuple[int, int] = (11, 5)) -> Table:
    """A bowl around ``peak``; the prediction's is a little beside it. The default is best, and a row fails."""
    points: list[Point] = []
    for config in SPACE:
        rows, depth = config["rows"], config["depth"]
        seconds = 1e-3 * (1 + 0.05 * abs(rows - peak[0]) + 0.04 * abs(depth - peak[1]))
        cycles = 1e6 * (1 + 0.04 * abs(rows - 9) + 0.04 * abs(depth - 6))
        features = {"cycles": cycles, "knob_rows": float(rows), "knob_depth": float(depth)}
        points.append(Point(config, None if rows == 16 else 5e-4 if config == SPACE.default else seconds, features))
    return Table(task, "here", "avx2", template, 1, SPACE, tuple(points))


def test_templates_of_one_task_compete_and_targets_do_not_mix() -> None:
    tables = [some_table(), some_table(template="other"), some_table("another task")]
    assert [len(landscape.tables) for landscape in landscapes(tables)] == [2, 1]


def test_defaults_are_left_out() -> None:
    landscape = Landscape((some_table(),))
    default = Choice.of("direct", SPACE.default)
    assert landscape.workload().excluded == {default}
    assert default not in landscape.points
    assert landscape.best == pytest.approx(1e-3)


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_arrives(name: str) -> None:
    result = replay(Landscape((some_table(),)), SEARCHES[name], 0, CostModel(), 8)
    assert result.arrival <= len(result.speeds) <= SPACE.size
    assert list(result.speeds) == sorted(result.speeds)
    assert result.speeds[-1] >= 0.97


def test_a_replay_goes_on_for_as_long_as_is_asked() -> None:
    landscape = Landscape((some_table(),))
    assert len(replay(landscape, SEARCHES["random"], 0, CostModel(), 100).speeds) >= 100
    assert len(replay(landscape, SEARCHES["random"], 0, CostModel(), 10_000).speeds) == SPACE.size - 1


def test_configurations_that_the_table_lacks_are_failures() -> None:
    table = some_table()
    part = Table(TASK, "here", "avx2", "direct", 1, SPACE, tuple(random.Random(0).sample(table.points, 40)))
    speeds = replay(Landscape((part,)), SEARCHES["grid"], 0, CostModel(), 300).speeds
    assert len(speeds) == SPACE.size - 1
    assert speeds[-1] == 1.0


def test_arrival_and_checkpoints_of_a_replay() -> None:
    result = Replay((0.5, 0.96, 0.98, 1.0))
    assert result.arrival == 3
    assert [result.after(trials) for trials in (1, 2, 64)] == [0.5, 0.96, 1.0]
    assert Replay((0.5,)).arrival == math.inf


def result_of(search: str, *speeds: tuple[float, ...]) -> Result:
    return Result(Landscape((some_table(),)), search, tuple(Replay(row) for row in speeds))


def test_late_arrivals_and_too_little_gain_are_missed() -> None:
    slow, fast = (0.5,) * 40 + (0.99,), (0.5,) * 9 + (0.99,)
    assert shortcomings([result_of("guided", fast, fast, slow), result_of("random", slow)]) == []
    [line] = shortcomings([result_of("guided", slow, slow, fast)])
    assert "64x32x48: 50.0% after 32 trials" in line
    [line] = shortcomings([result_of("guided", fast), result_of("random", fast)])
    assert "100% of the trials of random search" in line


def test_the_report_has_medians_and_means() -> None:
    text = report([result_of("guided", (0.5, 0.99), (0.98,), (0.5, 0.5, 0.5, 1.0))])
    row, mean = text.splitlines()[2:]
    assert [cell.strip() for cell in row.split("|")][1:6] == ["64x32x48", "guided", "255", "2", "99.0%"]
    assert [cell.strip() for cell in mean.split("|")][1:5] == ["geometric mean", "guided", "", "2"]


def test_the_command_prints_and_judges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_table(some_table(), tmp_path / "one.json.xz")
    warm = tmp_path / "warm.json.xz"
    save_table(some_table(task_text(96), peak=(12, 5)), warm)
    arguments = [str(tmp_path / "one.json.xz"), "--search", "guided,random", "--seeds", "3", "--warm", str(warm)]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert output.count("64x32x48") == 2
    assert "missed" not in output


@pytest.mark.parametrize("arguments", [["nothing.json.xz"], ["--search", "unheard-of"]])
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    assert capsys.readouterr().err
