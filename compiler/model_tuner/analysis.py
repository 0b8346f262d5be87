"""What the records of a database say beyond the best: how searches got there, and which knobs matter. Pure."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from compiler.autotune.record import Record, Status
from compiler.autotune.search.model import Kernel, Sample
from compiler.autotune.session import DEFAULT

CHECKPOINTS = (8, 16, 32, 64, 128)
"""Trials after which searches are compared."""


@dataclass(frozen=True)
class Run:
    """The trials of one search of one task in one session, in order: seconds, None for failures."""

    task: str
    session: str
    search: str
    seconds: tuple[float | None, ...]

    @property
    def curve(self) -> list[float]:
        """The least seconds after each trial; infinite before anything worked."""
        best, found = math.inf, list[float]()
        for seconds in self.seconds:
            best = min(best, math.inf if seconds is None else seconds)
            found.append(best)
        return found


def runs_of(records: Iterable[Record]) -> list[Run]:
    """The runs that records come from; defaults, which no search proposes, belong to none."""
    grouped: defaultdict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        facts = record.provenance
        if facts.get("search", DEFAULT) != DEFAULT:
            grouped[record.task, str(facts.get("session", "")), str(facts["search"])].append(record)
    found: list[Run] = []
    for (task, session, search), rows in grouped.items():
        rows.sort(key=lambda record: float(record.provenance.get("trial", 0)))
        found.append(Run(task, session, search, tuple(record.seconds for record in rows)))
    return found


def compared_searches(runs: Sequence[Run]) -> dict[str, list[float | None]]:
    """For each search, at each of ``CHECKPOINTS``, the geometric mean over its runs of the task's best seconds by the
    run's best so far: 1 is as good as anything known. None where no run of the search went so far."""
    best: dict[str, float] = {}
    for run in runs:
        best[run.task] = min(best.get(run.task, math.inf), min(run.curve))
    found: dict[str, list[float | None]] = {}
    for search in sorted({run.search for run in runs}):
        curves = [(best[run.task], run.curve) for run in runs if run.search == search]
        found[search] = [_mean([b / curve[n - 1] for b, curve in curves if len(curve) >= n]) for n in CHECKPOINTS]
    return found


def _mean(parts: Sequence[float]) -> float | None:
    known = [math.log(part) for part in parts if part > 0]
    return math.exp(statistics.fmean(known)) if known else None


def knob_effects(records: Iterable[Record]) -> dict[str, float]:
    """For each ``template.knob`` the part of the spread of times that its value alone explains, between 0 and 1: the
    variance between the means of log seconds per value, by the whole variance, in the mean over tasks."""
    grouped: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.status is Status.OK:
            grouped[record.task, record.choice.template].append(record)
    effects: defaultdict[str, list[float]] = defaultdict(list)
    for (_, template), rows in grouped.items():
        logs = [math.log(record.seconds) for record in rows if record.seconds]
        if len(logs) == len(rows) and len(rows) >= 4 and (whole := statistics.pvariance(logs)) > 0:
            for knob in rows[0].choice.config:
                explained = _between(logs, [record.choice.config.get(knob, 0) for record in rows])
                effects[f"{template}.{knob}"].append(explained / whole)
    means = {name: statistics.fmean(parts) for name, parts in effects.items()}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def _between(logs: Sequence[float], values: Sequence[int]) -> float:
    """The variance of the means per value, weighted by their numbers."""
    by_value: defaultdict[int, list[float]] = defaultdict(list)
    for log, value in zip(logs, values, strict=True):
        by_value[value].append(log)
    mean = statistics.fmean(logs)
    return sum(len(group) * (statistics.fmean(group) - mean) ** 2 for group in by_value.values()) / len(logs)


def samples_of(records: Iterable[Record], features: Mapping[tuple[str, str], Mapping[str, float]]) -> list[Sample]:
    """What a model can learn from: records whose features, by task and choice, are known."""
    keyed = [(record, features.get((record.task, str(record.choice)))) for record in records]
    return [Sample(r.task, Kernel(r.choice, known), r.seconds) for r, known in keyed if known]
