"""``KernelDevice``: links a batch of candidates, has the runner run it, and reads what came of each."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from compiler.autotune.measure.interface import Built, DeviceLostError, Incumbent, Measured
from compiler.autotune.measure.plan import IncompleteAnswerError, Limits, RunLine, plan_text, read_answer
from compiler.autotune.measure.task_data import TaskData, task_data
from compiler.autotune.measure.transport import Transport, TransportError
from compiler.autotune.record import Status
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.toolchain import CCompiler, find_compiler
from compiler.ir import Op, Task
from compiler.targets import Target

SOURCE = Path(__file__).with_name("runner.c")
FLAGS = ("-std=gnu11", "-D_GNU_SOURCE")
LONGEST_PAUSE_SECONDS = 30.0


@dataclass
class KernelDevice:
    """One device that runs candidates of one target, one at a time.

    Args:
        target: what candidates are built for.
        transport: how programs run there.
        cache: a folder for the runner and the data of tasks.
        limits: of one candidate.
        patience_seconds: how long a device that does not answer is asked again.
        ops: from outside the tree.
        sleep: waits between attempts; replaced in tests.
    """

    target: Target
    transport: Transport
    cache: Path
    limits: Limits = field(default_factory=Limits)
    patience_seconds: float = 600.0
    ops: tuple[type[Op], ...] = ()
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._compiler = find_compiler(self.target)
        self._runner = build_runner(self._compiler, self.cache)
        self._data: dict[Task, TaskData] = {}
        if not self.transport.times_mean_something:
            # An emulator maps the whole address space of its guest, so it has no room left under any limit.
            self.limits = replace(self.limits, memory_bytes=0, turns=0)

    def measure(self, task: Task, candidates: Sequence[Built], incumbent: Incumbent | None) -> list[Measured]:
        """One result per candidate, in their order; those that were not built keep their status.

        Raises DeviceLostError, ToolchainError, OSError.
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
        if task not in self._data:
            self._data[task] = task_data(task, self.target, self.cache / "tasks", self.ops)
        data = self._data[task]
        kernels = [KernelInfo.from_json(candidate.info) for candidate in candidates]
        rival = KernelInfo.from_json(incumbent.built.info) if incumbent else None
        with tempfile.TemporaryDirectory(prefix="kiln-measure-") as name:
            folder = Path(name)
            library = self._link(folder, [*candidates, *([incumbent.built] if incumbent else [])])
            plan = folder / "plan.txt"
            plan.write_text(plan_text(data, kernels, rival, self.limits))
            return self._attempt(data.path, library, plan, len(kernels))

    def _link(self, folder: Path, built: Sequence[Built]) -> Path:
        objects: dict[str, Path] = {}
        for candidate in built:
            symbol = KernelInfo.from_json(candidate.info).symbol
            objects[symbol] = folder / f"{symbol}.o"
            objects[symbol].write_bytes(candidate.code)
        return self._compiler.link_shared(objects.values(), folder / "kernels.so", exports=sorted(objects)).path

    def _attempt(self, data: Path, library: Path, plan: Path, count: int) -> list[RunLine]:
        """Run it, again and again while the device does not answer."""
        began, pause = time.monotonic(), 1.0
        while True:
            try:
                return self._once(data, library, plan, count)
            except (TransportError, IncompleteAnswerError) as error:
                waited = time.monotonic() - began
                if waited + pause > self.patience_seconds:
                    raise DeviceLostError(f"no answer in {waited:.0f} s; the last attempt: {error}") from error
            self.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _once(self, data: Path, library: Path, plan: Path, count: int) -> list[RunLine]:
        there = [self.transport.send(path) for path in (self._runner, library, data, plan)]
        text = self.transport.run(there, timeout=60 + count * 2 * self.limits.seconds)
        for name in (there[1], there[3]):
            self.transport.remove(name)
        return read_answer(text, count)


def build_runner(compiler: CCompiler, cache: Path) -> Path:
    """The runner for the compiler's target, from ``cache`` if it is there. Raises ToolchainError, OSError."""
    digest = hashlib.sha256(SOURCE.read_bytes() + compiler.identity.encode()).hexdigest()[:16]
    program = cache / f"runner-{digest}"
    if not program.exists():
        code = compiler.compile(SOURCE, cache / f"runner-{digest}.o", flags=FLAGS)
        compiler.link_program([code], program)
    return program


def _measured(candidate: Built, line: RunLine, incumbent: Incumbent | None) -> Measured:
    """A time is the incumbent's known one, times the ratio of both while they took turns."""
    seconds = None
    if line.times and incumbent and line.incumbent_times:
        seconds = typical(line.times) / max(typical(line.incumbent_times), 1e-9) * incumbent.seconds
    elif line.times:
        seconds = typical(line.times)
    return Measured(candidate.choice, line.status, seconds, line.times, line.incumbent_times, line.detail)


def typical(times: Sequence[float]) -> float:
    """The lower quartile: what other programs do to a machine only ever adds to a time, at times to most of them."""
    return sorted(times)[(len(times) - 1) // 4]
