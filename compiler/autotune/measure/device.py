"""``KernelDevice``: links a batch of candidates, has the runner run it, and reads what came of each."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from compiler.autotune.measure.interface import Built, DeviceLostError, Incumbent, Measured
from compiler.autotune.measure.library import build_runner, link_candidates
from compiler.autotune.measure.protocol import Answer, Limits, RunLine, plan_text, read_answer
from compiler.autotune.measure.task_data import TaskData, task_data
from compiler.autotune.measure.transport import Transport, TransportError
from compiler.autotune.record import Status
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.toolchain import CompileError, DependencyError, find_compiler
from compiler.ir import Op, Task
from compiler.targets import Target

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
SLACK_SECONDS = 60.0
"""Time for a batch beside the limits of its candidates: to connect, to load data, to wait for another runner."""
SHORTEST_SECONDS = 1e-10
"""The shortest time that the runner can tell from none."""
MOST_LOSSES = 3
"""A candidate that was running so many times when its device went away is what makes it go away."""


class RunnerRefusedError(Exception):
    """The runner cannot work on a device: files that it cannot read or load; the message says which and why."""


@dataclass(frozen=True)
class Patience:
    """How long a device that does not answer is asked again before it counts as lost; whoever measures may ask a lost
    one later. The pause between attempts doubles from ``pause_seconds`` up to ``longest_pause_seconds``; what the
    device does answer starts all this anew."""

    seconds: float = 30.0
    pause_seconds: float = FIRST_PAUSE_SECONDS
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS


@dataclass
class KernelDevice:
    """One device that runs candidates of one target, one at a time.

    Args:
        target: what candidates are built for.
        transport: how programs run there.
        cache: a folder for the runner and the data of tasks.
        limits: of one candidate.
        patience: with a device that goes away.
        ops: from outside the tree.

    Raises ToolchainError, OSError.
    """

    target: Target
    transport: Transport
    cache: Path
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    ops: tuple[type[Op], ...] = ()

    def __post_init__(self) -> None:
        self._compiler = find_compiler(self.target)
        self._runner = build_runner(self._compiler, self.cache)
        self._data: dict[Task, TaskData] = {}
        # Of kernels, by symbol; they outlast the errors that tell of a lost device.
        self._losses: Counter[str] = Counter()
        self._banned: dict[str, RunLine] = {}
        if not self.transport.times_mean_something:
            self.limits = replace(self.limits, turns=0)

    def measure(self, task: Task, candidates: Sequence[Built], incumbent: Incumbent | None) -> list[Measured]:
        """One result per candidate, in their order; those that were not built keep their status.

        Raises DeviceLostError, RunnerRefusedError, ToolchainError, OSError.
        """
        runnable = [candidate for candidate in candidates if candidate.status is Status.OK]
        lines = iter(self._run(task, runnable, incumbent) if runnable else ())
        return [
            _measured(candidate, next(lines), incumbent)
            if candidate.status is Status.OK
            else Measured(candidate.choice, candidate.status, detail=candidate.detail)
            for candidate in candidates
        ]

    def _run(self, task: Task, candidates: Sequence[Built], incumbent: Incumbent | None) -> list[RunLine]:
        """How each of some candidates ended; where they cannot be linked, one after the other is left out by halves."""
        if task not in self._data:
            self._data[task] = task_data(task, self.target, self.cache / "tasks", self.ops)
        data = self._data[task]
        linked = [*candidates, *([incumbent.built] if incumbent else [])]
        with tempfile.TemporaryDirectory(prefix="kiln-measure-") as folder:
            try:
                library = link_candidates(self._compiler, linked, data.arrays, Path(folder), self.cache)
            except (CompileError, DependencyError) as error:
                if len(candidates) == 1:
                    return [RunLine(Status.BUILD_ERROR, detail=str(error).splitlines()[0])]
            else:
                return self._run_library(library, data, candidates, incumbent)
        half = len(candidates) // 2
        return [line for part in (candidates[:half], candidates[half:]) for line in self._run(task, part, incumbent)]

    def _run_library(
        self, library: Path, data: TaskData, candidates: Sequence[Built], incumbent: Incumbent | None
    ) -> list[RunLine]:
        """Run all, again and again while the device does not answer for some."""
        kernels = [KernelInfo.from_json(candidate.info) for candidate in candidates]
        rival = KernelInfo.from_json(incumbent.built.info) if incumbent else None
        banned = {index: self._banned.get(kernel.symbol) for index, kernel in enumerate(kernels)}
        ended = {index: line for index, line in banned.items() if line is not None}
        retries = _Retries(self.patience)
        while left := [index for index in range(len(kernels)) if index not in ended]:
            plan = library.with_name("plan.txt")
            plan.write_text(plan_text(data, [kernels[index] for index in left], rival, self.limits))
            answer, reason = self._once([library, data.path, plan], len(left))
            news = {left[index]: line for index, line in answer.ended.items() if index < len(left)}
            if answer.running is not None and answer.running < len(left):
                culprit = left[answer.running]
                if (line := self._blame(kernels[culprit].symbol, reason)) is not None:
                    news[culprit] = line
            ended |= news
            if len(ended) < len(kernels):
                retries.pause(answer, reason, progress=bool(news))
                self.transport.forget()
        return [ended[index] for index in range(len(kernels))]

    def _blame(self, symbol: str, reason: str) -> RunLine | None:
        """A kernel was running when the device went away. If that is its habit, this is how it ends, now and later."""
        self._losses[symbol] += 1
        if self._losses[symbol] < MOST_LOSSES:
            return None
        return self._banned.setdefault(
            symbol, RunLine(Status.CRASHED, detail=f"the device went away while it ran: {reason}")
        )

    def _once(self, files: Sequence[Path], count: int) -> tuple[Answer, str]:
        """What the runner says, and why it does not say more."""
        try:
            runner, library, data, plan = [self.transport.send(path) for path in (self._runner, *files)]
            text = self.transport.run((runner, library, data, plan), SLACK_SECONDS + count * self.limits.seconds)
        except TransportError as error:
            return read_answer(error.output), str(error)
        answer = read_answer(text)
        try:
            for name in (library, plan):
                self.transport.remove(name)
        except TransportError as error:
            return answer, str(error)
        return answer, f"the runner's output ends early: {text[-200:]!r}"


class _Retries:
    """The pauses between attempts, and when to give up."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._refusals = 0
        self._start()

    def pause(self, answer: Answer, reason: str, *, progress: bool) -> None:
        """Wait before the next attempt. Raises DeviceLostError, and RunnerRefusedError: once, files may have gone with
        a device that was away, but they are sent again."""
        if answer.refusal is not None:
            self._refusals += 1
            if self._refusals > 1:
                raise RunnerRefusedError(answer.refusal)
        if progress:
            self._start()
        waited = time.monotonic() - self._began
        if waited + self._pause > self._patience.seconds:
            raise DeviceLostError(f"no answer in {waited:.0f} s; the last attempt: {reason}")
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, self._patience.longest_pause_seconds)

    def _start(self) -> None:
        self._began, self._pause = time.monotonic(), self._patience.pause_seconds


def _measured(candidate: Built, line: RunLine, incumbent: Incumbent | None) -> Measured:
    """A time is the incumbent's known one, times the ratio of both while they took turns. Of each the fastest turn
    counts: what other programs do to a machine only ever adds to a time, at times to most of them."""
    seconds = min(line.times, default=None)
    if seconds is not None and incumbent and line.incumbent_times:
        seconds *= incumbent.seconds / max(min(line.incumbent_times), SHORTEST_SECONDS)
    return Measured(candidate.choice, line.status, seconds, line.times, line.incumbent_times, line.detail)
