"""What the records of a session promise: the time that models save, were kernels as fast in a network as alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from compiler.ir import Task
from compiler.model_tuner.forecast import Known, ModelsSurveyed, spent


@dataclass(frozen=True)
class Promise:
    """Records that stay or go together.

    Args:
        name: of an op that they are for.
        tasks: the hashes of their tasks: one computation in all its forms, or several that one kernel may do.
        gain: the part of a model's time that a build with them saves; of several models, the sum.
    """

    name: str
    tasks: frozenset[str]
    gain: float


def promises(surveyed: ModelsSurveyed, default: Known, best: Known, recorded: Collection[str]) -> list[Promise]:
    """What the records of some tasks promise, by hash of the tasks, the most first.

    Tasks among which passes choose belong together: records of a form that builds do not take decide with, and a form
    that is taken because of records saves what the former one took. Each task of ``recorded`` is in one promise.

    Args:
        surveyed: the models as they are built with the records, and without any.
        default: seconds of default kernels.
        best: seconds of the kernels that the records are for.
        recorded: the hashes of tasks that have records.
    """
    surveys = [*surveyed.now, *surveyed.untuned]
    alone = [frozenset([task]) for survey in surveys for task in survey.calls]
    named = {task: survey.names[task] for survey in reversed(surveys) for task in survey.calls}
    saved = _saved(surveyed, default, best)
    found: list[Promise] = []
    left = set(recorded)
    for group in connected([*alone, *(question for survey in surveys for question in survey.questions)]):
        hashes = frozenset(task.hash for task in group)
        if left & hashes:
            heaviest = max(group, key=lambda task: (abs(saved.get(task, 0.0)), task in named, task.hash))
            gain = sum(saved.get(task, 0.0) for task in group)
            found.append(Promise(named.get(heaviest, heaviest.hash), hashes, gain))
            left -= hashes
    found += [Promise(one, frozenset([one]), 0.0) for one in left]
    return sorted(found, key=lambda promise: (-promise.gain, promise.name, min(promise.tasks)))


def connected(groups: Iterable[frozenset[Task]]) -> list[frozenset[Task]]:
    """Groups that share a task, joined, until none do."""
    found: dict[Task, set[Task]] = {}
    for group in groups:
        joined = set(group).union(*(found.get(task, ()) for task in group))
        found.update(dict.fromkeys(joined, joined))
    return [frozenset(group) for group in {id(group): group for group in found.values()}.values()]


def _saved(surveyed: ModelsSurveyed, default: Known, best: Known) -> dict[Task, float]:
    """The part of a model's time that each task takes less in tuned builds; negative for a form that only they have."""
    saved: dict[Task, float] = {}
    for now, untuned in zip(surveyed.now, surveyed.untuned, strict=True):
        before, after = spent(untuned, now, default), spent(now, now, best)
        whole = sum(before.values())
        for task in {**before, **after}:
            saved[task] = saved.get(task, 0.0) + (before.get(task, 0.0) - after.get(task, 0.0)) / whole
    return saved
