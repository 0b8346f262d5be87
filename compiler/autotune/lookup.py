"""``TunedChoices``: what tuning databases say to a build. Which kernel to make of a task, how long it takes, and which
of several ways to compute something is the fastest.

The last two are different questions. Estimates are wrong about all forms of a computation in much the same way, so they
tell forms apart better than they tell times. A time beside an estimate says nothing: where some forms were measured and
others were not, whatever the estimates miss would decide.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from compiler.autotune.calibration import Calibration, calibrate
from compiler.autotune.database import Database
from compiler.autotune.record import Record
from compiler.autotune.validity import Validity
from compiler.codegen.analytic import estimator
from compiler.codegen.space import Choice
from compiler.ir import Task
from compiler.targets import Target

CALIBRATION_TASKS = 64
"""How many tasks with a known default calibrate estimates: each must be parsed and estimated. Which they are follows
from their hashes, so any number is a fair sample."""

APART = 0.05
"""By how much of its time a way must be faster by records to be taken instead of the one that estimates favour. Kernels
are measured apart from their network, their weights in the caches: on Zen 4 the last inverted bottlenecks of
MobileNetV2 took 266 us so as one kernel and 265 as three, and 325 and 285 in the network."""


@dataclass(frozen=True)
class _Found:
    """A task's best record, and the number of the database that it is in."""

    record: Record
    place: int

    @property
    def rank(self) -> tuple[str, int]:
        """Measured before predicted, then the order of databases. Times of one rank compare with each other; those of
        other databases may come from machines of other clocks."""
        return self.record.source.value, self.place


@dataclass(frozen=True)
class _Known:
    """Seconds by records of this rank."""

    rank: tuple[str, int]
    seconds: float


class TunedChoices:
    """Answers for one target, from databases in the order of their weight. An answer, once given, stays."""

    def __init__(self, databases: Sequence[Database], target: Target, validity: Callable[[], Validity]) -> None:
        """``validity`` says which records hold; it is asked at most once, and only where there are any to judge."""
        self.target = target
        self._fingerprint = target.fingerprint()
        self._databases = [database for database in databases if database.knows(self._fingerprint)]
        self._ask_validity = validity
        self._answers: dict[str, _Found | None] = {}

    def best(self, task: Task) -> Record | None:
        """The record to make the task's kernel from. Raises DatabaseError, and what asking for the validity raises."""
        found = self._found(task)
        return found.record if found else None

    def choose(self, task: Task, target: Target) -> Choice | None:
        """The choice of ``best``, for code generation; None for a target whose machines are of another kind."""
        if target.fingerprint() != self._fingerprint:
            return None
        record = self.best(task)
        return record.choice if record else None

    def seconds(self, task: Task) -> float:
        """What one execution on one core is expected to take: the seconds of ``best``, else the analytic estimate,
        scaled as known times of defaults are to their estimates."""
        if (record := self.best(task)) is not None and record.seconds is not None:
            return record.seconds
        return self._estimated(task)

    def costs(self, ways: Sequence[Sequence[Task]]) -> list[float]:
        """What each of several ways to compute the same costs, in seconds of the analytic estimates.

        Ways of which everything has a record are compared by their records, all others by estimates. The scale between
        the two is set by the way with records whose estimate is the least: that one keeps its estimate, and the others
        must be faster by ``APART``. So records of one way alone change nothing, and a way without records is the
        cheapest only if the estimates alone say so.
        """
        estimates = [sum(map(self._analytic, way)) for way in ways]
        known = [self._known(way) if 0 < cost < math.inf else None for way, cost in zip(ways, estimates, strict=True)]
        rank = min((one.rank for one in known if one), default=None)
        times = [one.seconds if one and one.rank == rank else None for one in known]
        favoured = min(
            ((cost, seconds) for cost, seconds in zip(estimates, times, strict=True) if seconds), default=None
        )
        if favoured is None:
            return estimates
        scale = favoured[0] / favoured[1]
        return [
            seconds * scale * (1 + APART) if seconds and (cost, seconds) != favoured else cost
            for cost, seconds in zip(estimates, times, strict=True)
        ]

    def _known(self, way: Sequence[Task]) -> _Known | None:
        """The time of a way by the records of its tasks; None unless all have one, and these compare."""
        found = [self._found(task) for task in way]
        times = [(one.rank, one.record.seconds) for one in found if one and one.record.seconds is not None]
        if len(times) < len(way) or len({rank for rank, _ in times}) != 1:
            return None
        return _Known(times[0][0], sum(seconds for _, seconds in times))

    def _found(self, task: Task) -> _Found | None:
        """The best record in all databases: a measured one of the first that has one, else likewise a predicted one."""
        if not self._databases:
            return None
        if task.hash not in self._answers:
            asked = map(partial(self._best_in, task), self._databases)
            found = [_Found(record, place) for place, record in enumerate(asked) if record is not None]
            self._answers[task.hash] = min(found, key=lambda one: one.rank, default=None)
        return self._answers[task.hash]

    def _best_in(self, task: Task, database: Database) -> Record | None:
        # To know what is valid takes a process that loads TVM; without any record of the task nobody waits for it.
        if not database.knows(self._fingerprint, task.hash):
            return None
        return database.best(task.hash, self._fingerprint, self._validity)

    @cached_property
    def _analytic(self) -> Callable[[Task], float]:
        return estimator(self.target)

    @cached_property
    def _estimated(self) -> Callable[[Task], float]:
        analytic, calibration = self._analytic, self._calibration
        if calibration == Calibration():
            return analytic

        @functools.cache
        def scaled(task: Task) -> float:
            return analytic(task) * calibration.factor(task.graph())

        return scaled

    @cached_property
    def _validity(self) -> Validity:
        return self._ask_validity()

    @cached_property
    def _calibration(self) -> Calibration:
        return calibrate(self._defaults(), self.target)

    def _defaults(self) -> Iterator[tuple[Task, float]]:
        """Tasks with the seconds of their defaults, those of the first database first; each task once."""
        told: set[str] = set()
        for database in self._databases:
            left = CALIBRATION_TASKS - len(told)
            found = database.defaults(self._fingerprint, self._validity, CALIBRATION_TASKS)
            for record in itertools.islice((record for record in found if record.task not in told), left):
                assert record.seconds is not None
                told.add(record.task)
                yield database.task(record.task), record.seconds
