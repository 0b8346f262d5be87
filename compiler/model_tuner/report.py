"""The page on a tuning database: one file, without a reference to anything outside of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from compiler.artifact import SaveError
from compiler.autotune.cost_model import CostModel
from compiler.autotune.database import Database, TaskSummary, summaries
from compiler.autotune.measure.interface import Builder
from compiler.autotune.record import Record
from compiler.autotune.validity import Validity
from compiler.ir import Op, Task
from compiler.ir.parser import ParseError
from compiler.model_tuner.analysis import CHECKPOINTS, Run, compared_searches, knob_effects, runs_of, samples_of
from compiler.model_tuner.description import describe
from compiler.model_tuner.survey import least_flops
from compiler.model_tuner.view import us
from compiler.report.html import cell, escape, table
from compiler.targets import Target
from runtime.files import replacing

_PAGE = Path(__file__).parent / "report.html"
COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#e15759", "#76b7b2")
MOST_CURVES = 40
MOST_FEATURES = 30
LOWERED = 256
"""Candidates whose features the model on the page learns from, at most; they are in the cache of builds, or made."""


def write_tuning_report(
    database: Database,
    target: Target,
    validity: Validity,
    peak: float,
    builder: Builder,
    path: Path,
    ops: tuple[type[Op], ...] = (),
) -> None:
    """Write the page on what a database knows of a target, complete or not at all.

    ``peak`` is in operations per second, ``ops`` are those from outside the tree. Raises SaveError, DatabaseError.
    """
    text = render_tuning_report(database, target, validity, peak, builder, ops)
    try:
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise SaveError(path, error.strerror or error) from error


def render_tuning_report(
    database: Database,
    target: Target,
    validity: Validity,
    peak: float,
    builder: Builder,
    ops: tuple[type[Op], ...] = (),
) -> str:
    """The HTML text."""
    rows = [row for row in summaries(database, validity, target.fingerprint()) if row.best is not None]
    rows.sort(key=lambda row: -_gain(row))
    records = [r for r in database.records(fingerprint=target.fingerprint()) if validity.holds(r)]
    runs = runs_of(records)
    names = {row.task: describe(Task(row.text), ops) for row in rows}
    colours = {search: COLOURS[i % len(COLOURS)] for i, search in enumerate(sorted({run.search for run in runs}))}
    legend = ", ".join(f'<span style="color:{colour}">{escape(name)}</span>' for name, colour in colours.items())
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        target=escape(target.name),
        facts=escape(f"{len(records)} records of {len(rows)} tasks in {database.path}"),
        tasks=_tasks(rows, peak, names),
        legend=legend,
        curves=_curves(rows, runs, colours, names),
        searches=_searches(runs),
        knobs=_bars("knobs", ("knob", "explains"), knob_effects(records)),
        features=_bars("features", ("feature", "part of gain"), _learned(rows, records, builder)),
    )


def _gain(row: TaskSummary) -> float:
    known = row.default is not None and row.best is not None
    return (row.default.seconds or 0.0) / (row.best.seconds or math.inf) if known and row.default and row.best else 0.0


def _tasks(rows: Sequence[TaskSummary], peak: float, names: Mapping[str, str]) -> str:
    cells: list[list[str]] = []
    for row in rows:
        assert row.best is not None and row.best.seconds is not None
        default = row.default.seconds if row.default else None
        bound, best = _bound(Task(row.text), peak), row.best.seconds
        cells.append(
            [
                cell(f"<code>{escape(row.task)}</code>"),
                cell(_shown(names[row.task])),
                cell(us(default), default or 0.0),
                cell(us(best), best),
                cell(f"{_gain(row):.2f}" if default else "-", _gain(row)),
                cell(us(bound or None), bound),
                cell(f"{100 * bound / best:.0f}%" if bound else "-", bound / best),
                cell(row.measured + row.predicted + row.failed, row.measured + row.predicted + row.failed),
                cell(row.failed, row.failed),
                cell(row.best.source.value),
                cell(escape(row.best.choice)),
            ]
        )
    heads = ("task", "computes", "default", "best", "gain", "peak", "of peak", "trials", "failed", "source", "kernel")
    return table("tasks", heads, cells)


def _bound(task: Task, peak: float) -> float:
    try:
        return least_flops(task) / peak
    except ParseError:
        return 0.0  # of an op from outside the tree


def _curves(
    rows: Sequence[TaskSummary], runs: Sequence[Run], colours: Mapping[str, str], names: Mapping[str, str]
) -> str:
    by_task: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_task[run.task].append(run)
    drawn = [row for row in rows if row.task in by_task][:MOST_CURVES]
    return "\n".join(_figure(row, by_task[row.task], colours, names[row.task]) for row in drawn)


def _figure(row: TaskSummary, runs: Sequence[Run], colours: Mapping[str, str], name: str) -> str:
    """Trials from left to right, seconds upwards from a little less than the fastest that is shown to a little more
    than the slowest. What is slower than twice the default is cut, since beside it all the rest would look the same."""
    default = row.default.seconds if row.default else None
    shown = [s for run in runs for s in run.curve if math.isfinite(s)] + ([default] if default else [])
    scale = _Scale.around(min(shown, default=0.0), min(max(shown, default=1.0), 2 * default if default else math.inf))
    longest = max(len(run.seconds) for run in runs)
    lines = [f'<polyline points="{_steps(run.curve, longest, scale)}" stroke="{colours[run.search]}"/>' for run in runs]
    if default:
        y = scale.height(default)
        lines.append(f'<line x1="0" x2="100" y1="{y:.2f}" y2="{y:.2f}"/>')
    picture = f'<svg viewBox="0 0 100 100" preserveAspectRatio="none">{"".join(lines)}</svg>'
    marks = {"top": f"{us(scale.top)} us", "bottom": f"{us(scale.bottom)} us", "end": f"{longest} trials"}
    axes = "".join(f'<span class="{where}">{text}</span>' for where, text in marks.items())
    gain = f"{_gain(row):.2f}x: " if default else ""
    caption = f"<code>{escape(row.task)}</code> {gain}{_shown(name)}"
    return f'<figure><div class="plot">{picture}{axes}</div><figcaption>{caption}</figcaption></figure>'


@dataclass(frozen=True)
class _Scale:
    """Seconds from the bottom to the top of a picture of height 100."""

    bottom: float
    top: float

    @staticmethod
    def around(least: float, most: float) -> _Scale:
        room = 0.05 * (most - least) or 0.05 * most
        return _Scale(max(0.0, least - room), most + room)

    def height(self, seconds: float) -> float:
        """The height of a point in the chart, in percent from the top."""
        return 100 * (self.top - seconds) / (self.top - self.bottom)


def _shown(name: str) -> str:
    return escape(name.replace("->", "→"))


def _steps(curve: Sequence[float], longest: int, scale: _Scale) -> str:
    """Points of a line that stays as it is from trial to trial; a trial is as wide as all others."""
    points: list[str] = []
    for number, seconds in enumerate(curve):
        if math.isfinite(seconds):
            points += [f"{100 * x / longest:.2f},{scale.height(seconds):.2f}" for x in (number, number + 1)]
    return " ".join(points)


def _searches(runs: Sequence[Run]) -> str:
    rows: list[list[str]] = []
    for search, parts in compared_searches(runs).items():
        count = sum(run.search == search for run in runs)
        values = [cell("-" if part is None else f"{part:.3f}", part or 0.0) for part in parts]
        rows.append([cell(escape(search)), cell(count, count), *values])
    return table("searches", ("search", "runs", *(f"after {n}" for n in CHECKPOINTS)), rows)


def _learned(rows: Sequence[TaskSummary], records: Sequence[Record], builder: Builder) -> Mapping[str, float]:
    texts = {row.task: Task(row.text) for row in rows}
    by_task: defaultdict[str, list[Record]] = defaultdict(list)
    for record in [record for record in records if record.task in texts][:LOWERED]:
        by_task[record.task].append(record)
    features: dict[tuple[str, str], Mapping[str, float]] = {}
    for task, known in by_task.items():
        choices = list(dict.fromkeys(record.choice for record in known))
        for choice, built in zip(choices, builder.build(texts[task], choices), strict=True):
            features[task, str(choice)] = built.features
    samples = samples_of([record for known in by_task.values() for record in known], features)
    return dict(list(CostModel().fit(samples).importances().items())[:MOST_FEATURES])


def _bars(identifier: str, headings: Sequence[str], parts: Mapping[str, float]) -> str:
    rows = [
        [
            cell(escape(name)),
            cell(f'<div class="bar" style="width:{min(75.0, 75 * part):.1f}%"></div>{100 * part:.1f}%', part, "share"),
        ]
        for name, part in parts.items()
    ]
    return table(identifier, headings, rows)
