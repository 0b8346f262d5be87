"""``TaskState``: what a session knows of one task, and its search. Decides nothing about other tasks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from compiler.autotune.kit import Kit, Spaces
from compiler.autotune.measure.interface import Incumbent
from compiler.autotune.record import Record
from compiler.autotune.related import RELATED
from compiler.autotune.scheduler import TaskProgress, expected_gain
from compiler.autotune.search.interface import Features, Observation, Search, Workload
from compiler.autotune.search.model import Sample
from compiler.autotune.tuning_task import TuningTask
from compiler.codegen.space import Choice

HOPELESS = 24
"""A task of which so many candidates failed, and none worked, gets no more."""


class TaskState:
    """The results of a task so far, those included that a database had. ``incumbent`` is the best kernel as machine
    code, once it has been built in this session."""

    def __init__(self, tuning: TuningTask, spaces: Spaces, kit: Kit) -> None:
        self.tuning = tuning
        self.spaces = spaces
        self.incumbent: Incumbent | None = None
        self.done = False
        self.in_flight = False
        self.search: Search | None = None
        self.related = 0
        """How many samples of the session there were when the search began."""
        self.results: dict[Choice, Record] = {}
        self.unanswered: set[Choice] = set()
        """Choices that were built, and of which the static model says nothing: there is nothing to record."""
        self._kit = kit
        self._history = [math.inf]
        for record in sorted(kit.known(tuning.task, spaces).values(), key=_time):
            self._take(record)

    @property
    def defaults(self) -> list[Choice]:
        """The default of each template; the first is what an untuned build takes."""
        return [Choice.of(name, template.space.default) for name, template in self.spaces.items()]

    @property
    def untried_defaults(self) -> list[Choice]:
        """Those that have no result, and may have one."""
        return [choice for choice in self.defaults if choice not in self.results and choice not in self.unanswered]

    @property
    def pending_default(self) -> Choice | None:
        """The default of an untuned build, as long as it may have a result and has none."""
        return next((choice for choice in self.untried_defaults if choice == self.defaults[0]), None)

    @property
    def best(self) -> Record | None:
        """The fastest kernel that works."""
        return min((r for r in self.results.values() if r.seconds is not None), key=_seconds, default=None)

    @property
    def progress(self) -> TaskProgress:
        """For the scheduler; an estimate where there is no result yet. A task of which nothing more is expected is
        done, unless that is said by an estimate."""
        history = self._history
        if not self.results and self.tuning.rival > 0:
            history = [self.tuning.rival]
        behind = 0.0 if self.tuning.chosen else max(0.0, history[-1] - self.tuning.rival)
        hopeless = math.isinf(history[-1]) and len(self.results) >= HOPELESS
        progress = TaskProgress(self.tuning.weight, self.tuning.bound, tuple(history), behind=behind)
        at_the_bound = bool(self.results) and expected_gain(progress) <= 0
        done = self.done or self.in_flight or hopeless or at_the_bound
        return replace(progress, done=done)

    def add(self, record: Record) -> bool:
        """Take a result; whether it is the best."""
        before = self._history[-1]
        self._take(record)
        return self._history[-1] < before

    def start_search(self, seed: int, samples: Sequence[Sample]) -> Search:
        """The search of this task, from here on; its model may learn from samples of other tasks. What is known already
        is told to it in an order that only depends on what is known."""
        self.related = len(samples)
        own = self.tuning.task.hash
        model = self._kit.make_model([sample for sample in samples if sample.task != own][-RELATED:], seed)
        workload = Workload(
            own,
            {name: template.space for name, template in self.spaces.items()},
            self.features,
            frozenset(self.results),
        )
        self.search = self._kit.make_search(workload, task_seed(seed, own, len(self.results)), model)
        known = sorted(self.results.values(), key=lambda record: (record.choice.template, record.choice.knobs))
        self.search.tell([Observation(record.choice, record.seconds) for record in known])
        return self.search

    def features(self, choices: Sequence[Choice]) -> list[Features | None]:
        """What the builder says of candidates; None for those that cannot be built."""
        built = self._kit.builder.build(self.tuning.task, choices)
        return [one.features or None for one in built]

    def _take(self, record: Record) -> None:
        self.results[record.choice] = record
        self._history.append(min(self._history[-1], math.inf if record.seconds is None else record.seconds))


def task_seed(seed: int, task: str, known: int) -> int:
    """The seed of a task's search: it differs from task to task, and from one session to the next that continues it."""
    digest = hashlib.sha256(f"{seed} {task} {known}".encode()).digest()
    return int.from_bytes(digest[:4], "little")


def observations(records: Sequence[Record], features: Mapping[Choice, Features]) -> list[Observation]:
    """What a search is told of results."""
    return [Observation(record.choice, record.seconds, features.get(record.choice, {})) for record in records]


def _seconds(record: Record) -> float:
    return math.inf if record.seconds is None else record.seconds


def _time(record: Record) -> float:
    return float(record.provenance.get("unix_time", 0))
