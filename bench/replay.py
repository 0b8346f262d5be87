"""A search replayed on an exhaustively measured task: tables answer instead of a machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.kernels.work import contractions
from bench.tables import Point, Table
from compiler.autotune.search.interface import Features, Observation, Workload
from compiler.autotune.search.model import Kernel, Model, Sample
from compiler.autotune.search.table import Factory
from compiler.codegen.space import Choice
from compiler.ir import Task

GOOD = 0.97
"""A search has arrived at a kernel of this part of the speed of the exhaustive best."""
BATCH = 8
MOST_TRIALS = 1024


@dataclass(frozen=True)
class Landscape:
    """All tables of one task on one target: the templates compete.

    The default configurations are left out: they are neither proposed, nor known, nor counted as the best.
    """

    tables: tuple[Table, ...]

    @property
    def name(self) -> str:
        """The shape of the task's sums of products, for readers."""
        task = Task(self.tables[0].task)
        return ", ".join(contraction.shape for contraction in contractions(task.graph())) or task.hash

    @cached_property
    def points(self) -> dict[Choice, Point]:
        """What was measured, without the defaults."""
        everything = {choice: point for table in self.tables for choice, point in table.by_choice.items()}
        return {choice: point for choice, point in everything.items() if choice not in self.defaults}

    @cached_property
    def defaults(self) -> frozenset[Choice]:
        """What an untuned build may choose."""
        return frozenset(Choice.of(table.template, table.space.default) for table in self.tables)

    @cached_property
    def best(self) -> float:
        """Seconds of the fastest configuration. Raises ValueError if none worked."""
        return min(point.seconds for point in self.points.values() if point.seconds is not None)

    def samples(self) -> list[Sample]:
        """Everything, as experience for other tasks."""
        name = f"{self.tables[0].task_hash} {self.tables[0].fingerprint}"
        return [Sample(name, Kernel(c, p.features), p.seconds) for c, p in self.points.items() if p.features]

    def workload(self) -> Workload:
        """What a search sees: configurations that were not measured count as impossible to lower."""
        table = self.tables[0]
        spaces = {table.template: table.space for table in self.tables}
        return Workload(table.task_hash, spaces, self._features, self.defaults)

    def _features(self, choices: Sequence[Choice]) -> list[Features | None]:
        return [self.points[choice].features if choice in self.points else None for choice in choices]


@dataclass(frozen=True)
class Replay:
    """One search on one task with one seed: the speed of its best so far after each trial, as a part of the
    exhaustive best's."""

    speeds: tuple[float, ...]

    @property
    def arrival(self) -> float:
        """Trials until a kernel was good; infinite if none was."""
        return next((float(trial) for trial, speed in enumerate(self.speeds, 1) if speed >= GOOD), math.inf)

    def after(self, trials: int) -> float:
        """How near the best was after so many trials."""
        return self.speeds[min(trials, len(self.speeds)) - 1]


def landscapes(tables: Iterable[Table]) -> list[Landscape]:
    """Tables grouped by task and target, in the order of their first ones."""
    groups: dict[tuple[str, str], list[Table]] = {}
    for table in tables:
        groups.setdefault((table.task, table.fingerprint), []).append(table)
    return [Landscape(tuple(group)) for group in groups.values()]


def replay(landscape: Landscape, factory: Factory, seed: int, model: Model, least_trials: int) -> Replay:
    """Run a search until it has arrived and had ``least_trials``, or is done."""
    search = factory(landscape.workload(), seed, model)
    speeds: list[float] = []
    while len(speeds) < MOST_TRIALS and (len(speeds) < least_trials or speeds[-1] < GOOD):
        choices = search.ask(BATCH)
        if not choices:
            break
        found = [_observation(landscape, choice) for choice in choices]
        search.tell(found)
        for observation in found:
            speed = landscape.best / observation.seconds if observation.seconds is not None else 0.0
            speeds.append(max(speed, speeds[-1] if speeds else 0.0))
    return Replay(tuple(speeds))


def _observation(landscape: Landscape, choice: Choice) -> Observation:
    point = landscape.points.get(choice)
    return Observation(choice, point.seconds, point.features) if point else Observation(choice, None)
