"""``Record``: what is known of one way to compute one task on one kind of machine. Plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from compiler.codegen.space import Choice


class Status(StrEnum):
    """How a candidate ended. Every kind of failure is a result, kept so that nobody tries again."""

    OK = "ok"
    BUILD_ERROR = "build-error"
    """No kernel could be made."""
    WRONG = "wrong"
    """Its numbers differ from the reference's, or it wrote where it must not."""
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    """It asked for more memory than it was allowed."""


class TimeSource(StrEnum):
    """Where a time comes from. A predicted one always loses to a measured one."""

    MEASURED = "measured"
    PREDICTED = "predicted"


Fact: TypeAlias = str | int | float


@dataclass(frozen=True)
class Record:
    """One candidate's result.

    Args:
        task: the hash of the task's text.
        fingerprint: of the target: machines that agree in it share records.
        choice: the template and its knobs.
        version: of the template; a record of another version than the compiler's is stale.
        toolchain: the code generator's packages and versions; likewise.
        status: how it ended.
        source: whether ``seconds`` was measured or predicted.
        seconds: of one execution on one core, comparable with all other records of the task; None unless ``status``
            is ``OK``.
        times: every timing that was taken, in seconds, in order; empty for predicted records.
        detail: one line on a failure, else empty.
        is_default: whether an untuned build makes this choice. What is known of defaults says how far estimates are
            from measured times.
        provenance: who found it, when and how: ``machine``, ``unix_time``, ``session``, ``search``, ``seed``,
            ``trial``.
    """

    task: str
    fingerprint: str
    choice: Choice
    version: int
    toolchain: str
    status: Status
    source: TimeSource
    seconds: float | None
    times: tuple[float, ...] = ()
    detail: str = ""
    is_default: bool = False
    provenance: Mapping[str, Fact] = field(default_factory=dict[str, Fact])

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.status is Status.OK):
            raise ValueError(f"a record that is {self.status} has seconds {self.seconds}")
        numbers = [self.seconds or 0.0, *self.times]
        if not all(math.isfinite(seconds) and seconds >= 0 for seconds in numbers):
            raise ValueError(f"seconds of a record are finite and not negative: {numbers}")
        if any(isinstance(fact, float) and not math.isfinite(fact) for fact in self.provenance.values()):
            raise ValueError(f"numbers of a record's provenance are finite: {dict(self.provenance)}")
