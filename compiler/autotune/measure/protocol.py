"""The conversation with the runner: what it is told and what it answers, as text. The other side of ``runner.c``.

What it is told, its plan, has a line of limits, one per operand and result of the task, at most one for the incumbent,
and one per kernel, in this order::

    limits TIME_NS MEMORY_BYTES TURNS TURN_NS HOPELESS
    operand OFFSET BYTES COPIES
    result KIND ELEMENTS BYTES OFFSET MASK ABSOLUTE RELATIVE
    incumbent SYMBOL EXTENT SCRATCH_BYTES
    kernel SYMBOL EXTENT SCRATCH_BYTES
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.autotune.measure.task_data import TaskData
from compiler.autotune.record import Status
from compiler.codegen.kernel_info import KernelInfo


@dataclass(frozen=True)
class Limits:
    """Bounds on one candidate.

    Many short turns find quiet moments of a busy machine where few long ones do not: on one shared by others, the ratio
    of a kernel to itself deviated by 0.2 % in 15 turns of 0.4 ms, by 0.7 % in 7 of 1 ms.

    Args:
        seconds: for everything that is done with it; from the half of it on, no turn begins.
        memory_bytes: beyond operands and results.
        turns: the most that are timed, slow kernels take half as many; 0: nothing is timed, numbers are checked only.
        turn_seconds: runs are repeated until a turn takes so long.
        hopeless: a candidate so many times slower than the incumbent is given up after a few turns.
    """

    seconds: float = 10.0
    memory_bytes: int = 2 << 30
    turns: int = 15
    turn_seconds: float = 4e-4
    hopeless: float = 1.5


@dataclass(frozen=True)
class RunLine:
    """How one kernel ended: seconds of one run in each turn, its own and the incumbent's."""

    status: Status
    times: tuple[float, ...] = ()
    incumbent_times: tuple[float, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    """What the runner said, as far as it came: how kernels ended, by index; which one had begun and not ended; why it
    refused to go on; whether it came to its end."""

    ended: Mapping[int, RunLine]
    running: int | None
    refusal: str | None
    complete: bool


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


def read_answer(text: str) -> Answer:
    """The runner's answer in any text, of which everything else, such as the greetings of a shell, is ignored.

    A line counts when it is whole: what comes of a device that goes away may end anywhere.
    """
    ended: dict[int, RunLine] = {}
    running: int | None = None
    refusal: str | None = None
    complete = False
    for line in text.split("\n")[:-1]:
        word, _, rest = line.rstrip("\r").partition(" ")
        if word == "begin" and _NUMBER.fullmatch(rest):
            running = int(rest)
        elif word == "kernel" and (found := _OK.fullmatch(rest)):
            ended[int(found[1])] = RunLine(Status.OK, _times(found[2]), _times(found[3]))
            running = None
        elif word == "kernel" and (found := _FAILED.fullmatch(rest)):
            ended[int(found[1])] = RunLine(Status(found[2]), detail=_SIGNAL.sub(_signal_name, found[3]))
            running = None
        elif word == "refused":
            refusal = rest
        elif line == "end":
            complete = True
    return Answer(ended, running, refusal, complete)


_NUMBER = re.compile(r"[0-9]{1,9}")
_TIMES = r"(?: [0-9]{1,15}\.[0-9])*"
_OK = re.compile(rf"({_NUMBER.pattern}) ok({_TIMES}) \|({_TIMES})")
_FAILED = re.compile(rf"({_NUMBER.pattern}) (wrong|crashed|timeout|memory) (.+)")


_SIGNAL = re.compile(r"signal ([0-9]{1,3})")


def _signal_name(found: re.Match[str]) -> str:
    number = int(found[1])
    return signal.Signals(number).name if number in signal.valid_signals() else found[0]


def _times(text: str) -> tuple[float, ...]:
    return tuple(float(ns) * 1e-9 for ns in text.split())
