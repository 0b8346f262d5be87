"""What passes between the parts of the comparison: trials, what is to be compared, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

KILN = "kiln"
"""Kiln's name where kernels have names; MetaSchedule's have that of their form."""
TRIALS, READY, LIBRARY, MODULE = "trials.jsonl", "ready", "kernel.tar", "module.json"
"""Files of a search by MetaSchedule: what it tried, that it has begun, and of a kernel its library and its module."""


class NothingFoundError(RuntimeError):
    """A tuner that found no kernel in its time; the message says what became of those that it tried."""


@dataclass(frozen=True)
class Trial:
    """One kernel that was tried. ``at`` is in seconds since the tuner began; ``seconds`` is one run by the tuner's own
    clock, None if it could not be built or did not run."""

    at: float
    seconds: float | None


@dataclass(frozen=True)
class Effort:
    """Trials in their order. ``limit`` is what the tuner had, in seconds; ``used`` when it was done, which is earlier
    where it had nothing more to try."""

    limit: float
    used: float
    trials: tuple[Trial, ...]

    @property
    def failed(self) -> int:
        """Trials without a time."""
        return sum(trial.seconds is None for trial in self.trials)

    @property
    def curve(self) -> list[tuple[float, float]]:
        """When the best kernel got better, and what one run took then."""
        return list(self._improvements())

    def _improvements(self) -> Iterator[tuple[float, float]]:
        best = float("inf")
        for trial in self.trials:
            if trial.seconds is not None and trial.seconds < best:
                best = trial.seconds
                yield trial.at, best


@dataclass(frozen=True)
class Spec:
    """What to compare: a task's text in a file, Kiln's library, the folder of MetaSchedule's best kernel by its form,
    the library that measures the machine's peak, and the turns that each takes."""

    task: str
    kiln: str
    metaschedule: Mapping[str, str]
    probe: str
    turns: int


@dataclass(frozen=True)
class Comparison:
    """By kernel: ``seconds`` of one run in each measurement of each turn; ``differences`` from the reference, by its
    largest result. ``peaks``: operations per second in registers, once a turn."""

    seconds: Mapping[str, Sequence[Sequence[float]]]
    differences: Mapping[str, float]
    peaks: Sequence[float]
