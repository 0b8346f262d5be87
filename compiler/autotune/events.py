"""What a session tells whoever listens: it prints nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from compiler.autotune.record import Record
from compiler.autotune.tuning_task import TuningTask


@dataclass(frozen=True)
class TasksAdopted:
    """From now on these are the tasks; some may be new, others have new weights."""

    tasks: Sequence[TuningTask]


@dataclass(frozen=True)
class TaskKnown:
    """What a database had on a task when the session began: seconds of its default and of its best kernel, None where
    they are not known, and of how many candidates the result is known."""

    task: TuningTask
    default: float | None
    best: float | None
    trials: int


@dataclass(frozen=True)
class TrialDone:
    """A candidate has a record, which is in the database already.

    Args:
        task: what it was a candidate for.
        record: its result.
        improved: whether it is the task's best.
        trials: of how many candidates of the task the result is known now.
    """

    task: TuningTask
    record: Record
    improved: bool
    trials: int


@dataclass(frozen=True)
class DeviceLost:
    """The device does not answer; it is asked again after ``seconds``."""

    reason: str
    seconds: float


@dataclass(frozen=True)
class DeviceBack:
    """The device answers again."""


Event: TypeAlias = TasksAdopted | TaskKnown | TrialDone | DeviceLost | DeviceBack
Listener: TypeAlias = Callable[[Event], None]
