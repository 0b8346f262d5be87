"""Which task gets the next trials: the one whose kernels are expected to save the most time of the whole. Pure.

The expected gain of a batch is what the task costs now, calls by seconds of its best kernel, times the relative
improvement that the batch may bring. That one is extrapolated from the improvement of recent trials, starts
optimistic, and never exceeds the distance to the bound. Source: Zheng et al., Ansor, OSDI 2020, section 6, of which
this is the objective of one network with the gradient's terms for history and bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OPTIMISM = 0.3
"""The relative improvement that the first trials of a task are expected to bring, where its bound allows."""
MEMORY = 16
"""Trials over which improvement is extrapolated: a task that found nothing for so long has mostly lost its turn."""


@dataclass(frozen=True)
class TaskProgress:
    """What is known of a task.

    Args:
        calls: how often the models execute it, each counted by its weight.
        bound: seconds that no kernel can beat, such as multiply-adds at the peak; 0 where nothing is known.
        best: seconds of the fastest kernel after each trial, beginning with what was known before the first; infinite
            as long as none worked.
        done: no trial is left.
        behind: seconds by which the fastest kernel loses to another form of the same computation, which builds take:
            only what goes beyond is a gain.
    """

    calls: float
    bound: float
    best: Sequence[float]
    done: bool = False
    behind: float = 0.0

    @property
    def trials(self) -> int:
        """How many trials the task had."""
        return len(self.best) - 1


def next_task(tasks: Mapping[str, TaskProgress]) -> str | None:
    """The task with the largest expected gain, of equals the first; None when all are done."""
    open_tasks = [name for name, progress in tasks.items() if not progress.done]
    return max(open_tasks, key=lambda name: expected_gain(tasks[name]), default=None)


def expected_gain(progress: TaskProgress) -> float:
    """Seconds per execution of the models that the next trials may save; infinite while no kernel works."""
    now = progress.best[-1]
    if math.isinf(now):
        return math.inf
    room = max(0.0, 1 - progress.bound / now)
    return progress.calls * max(0.0, now * min(room, expected_improvement(progress)) - progress.behind)


def expected_improvement(progress: TaskProgress) -> float:
    """The part of a task's time that the next ``MEMORY`` trials may save.

    What the last ``MEMORY`` trials saved is expected again; ``OPTIMISM`` stands for those of them that have not
    happened yet, and a part of it that falls with the number of trials remains, so that nothing starves.
    """
    recent = progress.best[-1 - MEMORY :]
    finite = [seconds for seconds in recent if math.isfinite(seconds)]
    found = 1 - finite[-1] / finite[0] if finite else 0.0
    unseen = max(0.0, 1 - progress.trials / MEMORY)
    return max(found + OPTIMISM * unseen, OPTIMISM / (1 + progress.trials))
