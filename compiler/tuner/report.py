"""The page on a tuning database: one file, without a reference to anything outside of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from compiler.artifact import SaveError
from compiler.autotune.cost_model import CostModel
from compiler.autotune.database import Database, TaskSummary, summaries
from compiler.autotune.measure.interface import Builder
from compiler.autotune.record import Record
from compiler.autotune.validity import Validity
from compiler.ir import Task
from compiler.ir.parser import ParseError
from compiler.report.html import cell, escape, table
from compiler.targets import Target
from compiler.tuner.analysis import CHECKPOINTS, Run, compared_searches, knob_effects, runs_of, samples_of
from compiler.tuner.survey import least_flops
from runtime.files import replacing

_PAGE = Path(__file__).parent / "report.html"
COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#e15759", "#76b7b2")
MOST_CURVES = 40
MOST_FEATURES = 30
LOWERED = 256
"""Candidates whose features the model on the page learns from, at most; they are in the cache of builds, or made."""


def write_tuning_report(
    database: Database, target: Target, validity: Validity, peak: float, builder: Builder, path: Path
) -> None:
    """Write the page on what a database knows of a target, complete or not at all.

    ``peak`` is in operations per second. Raises SaveError, DatabaseError.
    """
    text = render_tuning_report(database, target, validity, peak, builder)
    try:
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise SaveError(path, error.strerror or error) from error


def render_tuning_report(database: Database, target: Target, validity: Validity, peak: float, builder: Builder) -> str:
    """The HTML text."""
    rows = [row for row in summaries(database, validity, target.fingerprint()) if row.best is not None]
    rows.sort(key=lambda row: -_gain(row))
    records = [r for r in database.records(fingerprint=target.fingerprint()) if validity.holds(r)]
    runs = runs_of(records)
    colours = {search: COLOURS[i % len(COLOURS)] for i, search in enumerate(sorted({run.search for run in runs}))}
    legend = ", ".join(f'<span style="color:{colour}">{escape(name)}</span>' for name, colour in colours.items())
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        target=escape(target.name),
        facts=escape(f"{len(records)} records of {len(rows)} tasks in {database.path}"),
        tasks=_tasks(rows, peak),
        legend=legend,
        curves=_curves(rows, runs, colours),
        searches=_searches(runs),
        knobs=_bars("knobs", ("knob", "explains"), knob_effects(records)),
        features=_bars("features", ("feature", "part of gain"), _learned(rows, records, builder)),
    )


def _gain(row: TaskSummary) -> float:
    known = row.default is not None and row.best is not None
    return (row.default.seconds or 0.0) / (row.best.seconds or math.inf) if known and row.default and row.best else 0.0


def _tasks(rows: Sequence[TaskSummary], peak: float) -> str:
    cells: list[list[str]] = []
    for row in rows:
        assert row.best is not None and row.best.seconds is not None
        default = row.default.seconds if row.default else None
        bound, best = _bound(row.text, peak), row.best.seconds
        cells.append(
            [
                cell(f"<code>{escape(row.task)}</code>"),
                cell(escape(_anchor(row.text))),
                cell("-" if default is None else f"{1e6 * default:.1f}", default or 0.0),
                cell(f"{1e6 * best:.1f}", best),
                cell(f"{_gain(row):.2f}" if default else "-", _gain(row)),
                cell(f"{1e6 * bound:.1f}", bound),
                cell(f"{100 * bound / best:.0f}%", bound / best),
                cell(row.measured + row.predicted + row.failed, row.measured + row.predicted + row.failed),
                cell(row.failed, row.failed),
                cell(row.best.source.value),
                cell(escape(row.best.choice)),
            ]
        )
    heads = ("task", "computes", "default", "best", "gain", "peak", "of peak", "trials", "failed", "source", "kernel")
    return table("tasks", heads, cells)


def _bound(text: str, peak: float) -> float:
    try:
        return least_flops(Task(text)) / peak
    except ParseError:
        return 0.0  # of an op from outside the tree


def _anchor(text: str) -> str:
    """The line of a task's text that says most: the longest."""
    return max((line.strip() for line in text.splitlines()[1:]), key=len, default="")


def _curves(rows: Sequence[TaskSummary], runs: Sequence[Run], colours: Mapping[str, str]) -> str:
    by_task: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_task[run.task].append(run)
    drawn = [row for row in rows if row.task in by_task][:MOST_CURVES]
    return "\n".join(_figure(row, by_task[row.task], colours) for row in drawn)


def _figure(row: TaskSummary, runs: Sequence[Run], colours: Mapping[str, str]) -> str:
    """Trials from left to right, seconds upwards from 0 to a little more than the slowest that is shown."""
    default = row.default.seconds if row.default else None
    curves = [(colours[run.search], [s for s in run.curve if math.isfinite(s)]) for run in runs]
    shown = [s for _, curve in curves for s in curve] + ([default] if default else [])
    top, longest = 1.05 * max(shown, default=1.0), max((len(curve) for _, curve in curves), default=1)
    lines = []
    for colour, curve in curves:
        points = " ".join(f"{100 * i / max(1, longest - 1):.2f},{100 - 100 * s / top:.2f}" for i, s in enumerate(curve))
        lines.append(f'<polyline points="{points}" stroke="{colour}"/>')
    if default:
        y = 100 - 100 * default / top
        lines.append(f'<line x1="0" x2="100" y1="{y:.2f}" y2="{y:.2f}"/>')
    picture = f'<svg viewBox="0 0 100 100" preserveAspectRatio="none">{"".join(lines)}</svg>'
    caption = f"{row.task}: {_gain(row):.2f}x in {longest} trials; {_anchor(row.text)}"
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


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
