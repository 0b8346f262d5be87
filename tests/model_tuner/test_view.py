"""What is shown of a session: plain lines, a table, and what models are expected to take."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from compiler.autotune.events import DeviceBack, DeviceLost
from compiler.autotune.session import Effort, Session
from compiler.model_tuner.compare import gain_of
from compiler.model_tuner.forecast import Forecast, ModelsSurveyed, mean_gain
from compiler.model_tuner.survey import Survey
from compiler.model_tuner.view import View, expectation, summary_table, us
from tests.autotune.fakes import FakeDevice, kit, tuning_task


def shown(terminal: bool) -> tuple[View, str]:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=160)
    task = tuning_task(1, weight=2.0)
    survey = Survey("net", {task.task: 2}, {task.task: "op 1"}, {}, {task.task: 5.0})
    with View(console, predicted=False) as view:
        view(ModelsSurveyed([survey], [survey]))
        session = Session(kit(device=FakeDevice()), Effort(), listener=view)
        session.adopt([task])
        session.measure_defaults()
        view(DeviceLost("no route", 5.0))
        view(DeviceBack())
        session.search(1000)
    console.print(summary_table(view.board.chosen))
    return view, stream.getvalue()


def test_without_a_terminal_there_are_plain_lines() -> None:
    view, text = shown(terminal=False)
    lines = text.splitlines()
    assert "\x1b" not in text and "1 tasks of 1 models" in lines[0]
    assert "op 1: 4200.0 us" in text and "op 1: 100.0 us, 1% of peak after" in text and "tiled a=2 b=3" in text
    assert "asking again in 5 s: no route" in text and "answers again" in text
    assert view.board.trials == 67


def test_the_table_has_default_best_and_trials() -> None:
    view, text = shown(terminal=True)
    assert "100.0%" in text and "4200.0" in text and " 67" in text
    (forecast,) = view.board.forecasts()
    assert (forecast.before, forecast.after) == (pytest.approx(2 * 4.2e-3), pytest.approx(2 * 1e-4))


def test_a_narrow_terminal_shortens_names_only() -> None:
    view, _ = shown(terminal=False)
    (row,) = view.board.chosen
    row.task = replace(row.task, name="node_conv7+node_batchnormalization8+node_relu9")
    stream = io.StringIO()
    Console(file=stream, width=70).print(summary_table([row]))
    headings, line = stream.getvalue().splitlines()
    assert headings.split() == ["task", "weight", "default", "us", "best", "us", "of", "peak", "trials"]
    assert line.startswith("node_conv7+") and "…" in line and line.split()[-1] == "67"


def test_short_times_have_a_digit_more() -> None:
    assert [us(seconds) for seconds in (None, 4.6e-8, 3.146e-6, 1.2345e-5, 4.2e-3)] == [
        "-",
        "0.05",
        "3.15",
        "12.3",
        "4200.0",
    ]


def test_gains_of_models_are_averaged_geometrically() -> None:
    found = [Forecast("a", 2.0, 1.0), Forecast("b", 8.0, 1.0)]
    assert mean_gain(found) == 4.0 and mean_gain([]) == 1.0
    assert "4.00x in the geometric mean" in expectation(found, predicted=True)
    assert (
        expectation(found[:1], predicted=False) == "expected for a run: 2000.000 ms untuned, 1000.000 ms tuned (2.00x)"
    )


def test_an_interval_lies_around_the_median_and_narrows_with_agreement() -> None:
    same = gain_of([(2.0, 1.0)] * 20)
    assert (same.ratio, same.low, same.high) == (2.0, 2.0, 2.0) and same.is_no_loss
    mixed = gain_of([(1.0, 1.0), (1.0, 1.25), (1.0, 0.8)] * 7)
    assert mixed.low < mixed.ratio == 1.0 < mixed.high or mixed.low == 1.0
    assert not gain_of([(0.9, 1.0)] * 20).is_no_loss
