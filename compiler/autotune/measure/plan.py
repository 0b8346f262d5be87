"""What the runner is told and what it answers, as text. The other side of ``runner.c``.

A plan has a line of limits, one per operand and result of the task, at most one for the incumbent, and one per kernel::

    limits TIME_NS MEMORY_BYTES TURNS TURN_NS HOPELESS
    operand OFFSET BYTES COPIES
    result KIND ELEMENTS BYTES OFFSET MASK ABSOLUTE RELATIVE
    incumbent SYMBOL EXTENT SCRATCH_BYTES
    kernel SYMBOL EXTENT SCRATCH_BYTES
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from compiler.autotune.measure.task_data import TaskData
from compiler.autotune.record import Status
from compiler.codegen.kernel_info import KernelInfo


@dataclass(frozen=True)
class Limits:
    """Bounds on one candidate. ``turns`` of 0: nothing is timed, numbers are checked only. A candidate is given up
    after two turns when it takes more than ``hopeless`` times as long as the incumbent."""

    seconds: float = 10.0
    memory_bytes: int = 2 << 30
    turns: int = 7
    turn_seconds: float = 1e-3
    hopeless: float = 1.5


@dataclass(frozen=True)
class RunLine:
    """How one kernel ended: seconds of one run in each turn, its own and the incumbent's."""

    status: Status
    times: tuple[float, ...] = ()
    incumbent_times: tuple[float, ...] = ()
    detail: str = ""


class IncompleteAnswerError(ValueError):
    """The runner's output stops, or is not the runner's: the device, not a kernel, is at fault."""


def plan_text(data: TaskData, kernels: Sequence[KernelInfo], incumbent: KernelInfo | None, limits: Limits) -> str:
    """The plan for running kernels on a task's data."""
    lines = [
        f"limits {int(limits.seconds * 1e9)} {limits.memory_bytes} {limits.turns} {int(limits.turn_seconds * 1e9)}"
        f" {limits.hopeless}"
    ]
    lines += [f"operand {o.offset} {o.bytes} {o.copies}" for o in data.operands]
    lines += [
        f"result {r.kind} {r.elements} {r.bytes} {r.offset} {r.mask} {r.absolute!r} {r.relative!r}"
        for r in data.results
    ]
    if incumbent is not None:
        lines.append(f"incumbent {_function(incumbent)}")
    lines += [f"kernel {_function(kernel)}" for kernel in kernels]
    return "\n".join(lines) + "\n"


def _function(kernel: KernelInfo) -> str:
    return f"{kernel.symbol} {kernel.extent} {kernel.scratch_bytes}"


def read_answer(text: str, count: int) -> list[RunLine]:
    """How each of ``count`` kernels ended. Raises IncompleteAnswerError."""
    lines = text.splitlines()
    if len(lines) != count + 1 or lines[-1] != "end":
        raise IncompleteAnswerError(f"the runner answered {len(lines)} lines for {count} kernels: {text[-200:]!r}")
    return [_line(index, line) for index, line in enumerate(lines[:-1])]


def _line(index: int, line: str) -> RunLine:
    try:
        number, word, *rest = line.split(" ", 2)
        if int(number) != index:
            raise ValueError("out of order")
        status, detail = Status(word), rest[0] if rest else ""
        if status is Status.OK:
            mine, theirs = detail.split("|")
            return RunLine(status, _times(mine), _times(theirs))
        if status is Status.CRASHED and detail.startswith("signal "):
            detail = signal.Signals(int(detail.removeprefix("signal "))).name
    except ValueError as error:
        raise IncompleteAnswerError(f"the runner's line {line!r} for kernel {index}: {error}") from error
    return RunLine(status, detail=detail)


def _times(text: str) -> tuple[float, ...]:
    return tuple(int(ns) * 1e-9 for ns in text.split())
