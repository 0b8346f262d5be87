"""What models are expected to take, before and after tuning, from what is known of their kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from compiler.ir import Task
from compiler.model_tuner.survey import Survey


@dataclass(frozen=True)
class ModelsSurveyed:
    """An event: these are the tasks of the models, as they would be built today, and without any record."""

    now: Sequence[Survey]
    untuned: Sequence[Survey]


@dataclass(frozen=True)
class Forecast:
    """Seconds that one run of a model is expected to take."""

    model: str
    before: float
    after: float

    @property
    def gain(self) -> float:
        """How many times faster it gets."""
        return self.before / self.after if self.after > 0 else 1.0


Known = Callable[[Task], float | None]
"""Seconds of a task's kernel, None where there is no record."""


def forecasts(surveyed: ModelsSurveyed, default: Known, best: Known) -> list[Forecast]:
    """One per model, from the known seconds of default kernels and of the best ones; what is not known is estimated."""
    found: list[Forecast] = []
    for now, untuned in zip(surveyed.now, surveyed.untuned, strict=True):
        before, after = spent(untuned, now, default), spent(now, now, best)
        found.append(Forecast(now.model, sum(before.values()), sum(after.values())))
    return found


def spent(built: Survey, now: Survey, known: Known) -> Mapping[Task, float]:
    """The seconds that each task takes of a run of a model, in all its calls; what is not known is estimated, as of
    ``now`` if it was considered then."""

    def estimate(task: Task) -> float:
        return now.costs[task] if task in now.costs else built.costs[task]

    return {task: calls * (known(task) or estimate(task)) for task, calls in built.calls.items()}


def mean_gain(found: Sequence[Forecast]) -> float:
    """The geometric mean."""
    return math.exp(sum(math.log(forecast.gain) for forecast in found) / len(found)) if found else 1.0
