"""``TuningTask``: a task with what makes it worth tuning. Plain data: how tasks of models are found is not known."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir import Task


@dataclass(frozen=True)
class TuningTask:
    """One task of the models that are tuned.

    Args:
        task: what is computed.
        name: what to call it: an op of a model that it is for.
        weight: executions in one run of each model, of a model beside others counted by its share.
        bound: seconds that no kernel can beat; 0 where nothing is known.
        chosen: whether a build of today has a kernel for it. What is not chosen is another form of something that is:
            in other layouts, or by another algorithm.
        rival: seconds of the form that a build takes, of a chosen task its own, as far as a cost model or records tell;
            0 where nothing is known.
    """

    task: Task
    name: str
    weight: float
    bound: float = 0.0
    chosen: bool = True
    rival: float = 0.0
