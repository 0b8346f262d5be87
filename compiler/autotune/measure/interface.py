"""What the tuner asks of whatever measures candidates. Implementations: on this machine, on a board, on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from compiler.autotune.record import Status
from compiler.codegen.space import Choice
from compiler.ir import Task


@dataclass(frozen=True)
class Built:
    """A candidate as machine code, or why there is none.

    ``features`` describe the lowered kernel for models; ``predicted_seconds`` is the static model's answer, None where
    it has none. ``version`` is the template's. Of a candidate that failed only choice, status and detail are known.
    """

    choice: Choice
    version: int
    status: Status
    detail: str = ""
    code: bytes = field(default=b"", repr=False)
    info: str = ""
    """``KernelInfo`` as JSON."""
    features: Mapping[str, float] = field(default_factory=dict[str, float])
    predicted_seconds: float | None = None


@dataclass(frozen=True)
class Incumbent:
    """The best kernel of a task so far, beside which others are measured, and what it takes."""

    built: Built
    seconds: float


@dataclass(frozen=True)
class Measured:
    """How a candidate ran. ``seconds`` is normalized to the incumbent, which ran beside it: the ratio of both in
    their fastest turns, times the incumbent's known seconds; None where nothing was timed, as under an emulator.
    ``times`` are raw: of one run in each turn."""

    choice: Choice
    status: Status
    seconds: float | None = None
    times: tuple[float, ...] = ()
    incumbent_times: tuple[float, ...] = ()
    detail: str = ""


class Builder(Protocol):
    """Makes candidates; a failure is a ``Built`` with a status, never an exception."""

    def build(self, task: Task, choices: Sequence[Choice]) -> list[Built]:
        """One result per choice, in their order."""
        ...


class Device(Protocol):
    """Runs candidates of one target, one at a time; a candidate's failure is a ``Measured`` with a status."""

    def measure(self, task: Task, candidates: Sequence[Built], incumbent: Incumbent | None) -> list[Measured]:
        """One result per candidate, in their order. The incumbent, where there is one, runs beside each of them.

        Raises:
            DeviceLostError: the device does not answer, also after retries; nothing is known of the candidates.
        """
        ...


class DeviceLostError(Exception):
    """The device went away and did not come back in time; the message says what was tried."""
