"""``TunedChoices``: what tuning databases say to a build. Which kernel to make of a task, and what a task costs."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from compiler.autotune.calibration import Calibration, calibrate
from compiler.autotune.database import Database, best_of
from compiler.autotune.record import Record
from compiler.autotune.validity import Validity
from compiler.codegen.analytic import estimator
from compiler.codegen.space import Choice
from compiler.ir import Task
from compiler.targets import Target

CALIBRATION_TASKS = 64
"""How many tasks with a known default calibrate estimates: each must be parsed and estimated. Which they are follows
from their hashes, so any number is a fair sample."""


class TunedChoices:
    """Answers for one target, from databases in the order of their weight. An answer, once given, stays."""

    def __init__(self, databases: Sequence[Database], target: Target, validity: Callable[[], Validity]) -> None:
        """``validity`` says which records hold; it is asked at most once, and only if there are any for the target."""
        self.target = target
        self._fingerprint = target.fingerprint()
        self._databases = [database for database in databases if database.knows(self._fingerprint)]
        self._ask_validity = validity
        self._answers: dict[str, Record | None] = {}

    def best(self, task: Task) -> Record | None:
        """The record to make the task's kernel from. Raises DatabaseError, and what asking for the validity raises."""
        if not self._databases:
            return None
        if task.hash not in self._answers:
            found = best_of(self._databases, task.hash, self._fingerprint, self._validity)
            self._answers[task.hash] = found
        return self._answers[task.hash]

    def choose(self, task: Task, target: Target) -> Choice | None:
        """The choice of ``best``, for code generation; None for a target whose machines are of another kind."""
        if target.fingerprint() != self._fingerprint:
            return None
        record = self.best(task)
        return record.choice if record else None

    def cost(self, task: Task) -> float:
        """Seconds of one execution on one core: those of ``best``, else the analytic estimate, scaled as known times of
        defaults are to their estimates."""
        if (record := self.best(task)) is not None and record.seconds is not None:
            return record.seconds
        return self._estimated(task)

    @cached_property
    def _estimated(self) -> Callable[[Task], float]:
        analytic, calibration = estimator(self.target), self._calibration
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
