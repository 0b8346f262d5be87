"""Kernels for a batch of tasks: from the cache, or from worker processes. Never imports TVM.

Owns the form of a request to the worker (``kernel_worker``) and where what it says of a kernel is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from compiler.codegen.extensions import Extension
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.objects import Job, ObjectFile, run_jobs
from compiler.codegen.space import Choice
from compiler.ir import Task
from compiler.targets import Target

EMITTER = "compiler.codegen.kernel_worker:emit"


@dataclass(frozen=True)
class CompiledKernel:
    """A relocatable object that defines ``info.symbol``."""

    code: bytes
    info: KernelInfo

    @property
    def choice(self) -> Choice:
        """What it was made from."""
        return Choice.of(self.info.template.partition("/")[0], json.loads(self.info.config))


Choose: TypeAlias = Callable[[Task, Target], Choice | None]
"""Says from which template and knobs to make a task's kernel; None: the first template that matches, its default."""


@dataclass(frozen=True)
class KernelRequest:
    """What a worker is asked: a task's text, the classes from outside the tree that may have a say, and which template
    is to compute it with which knobs (None: the first that matches, with its default)."""

    task: str
    ops: tuple[Extension, ...] = ()
    schedules: tuple[Extension, ...] = ()
    choice: Choice | None = None

    def to_json(self) -> str:
        """JSON text with sorted keys: it is part of the cache key."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> KernelRequest:
        """The inverse of ``to_json``."""
        fields = json.loads(text)
        ops, schedules = (tuple(Extension(**row) for row in fields[key]) for key in ("ops", "schedules"))
        wanted = fields["choice"]
        choice = Choice.of(wanted["template"], dict(wanted["knobs"])) if wanted else None
        return KernelRequest(fields["task"], ops, schedules, choice)


def compile_kernels(
    tasks: Iterable[Task],
    target: Target,
    cache: Path,
    *,
    choose: Choose | None = None,
    ops: tuple[Extension, ...] = (),
    schedules: tuple[Extension, ...] = (),
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Task, CompiledKernel]:
    """A kernel for each task.

    The default is made instead of a choice that the task's space does not have, and instead of one of another template
    where one of ``schedules`` matches; ``CompiledKernel.choice`` says what was made. ``progress`` is called with
    (kernels done, kernels in all). Raises JobsFailedError when kernels cannot be made, CacheUnwritableError,
    WorkerStartError.
    """
    wanted = {task.hash: task for task in tasks}
    jobs: list[Job] = []
    for key, task in wanted.items():
        choice = choose(task, target) if choose else None
        jobs.append(Job(key, EMITTER, KernelRequest(task.text, ops, schedules, choice).to_json()))
    made = run_jobs(jobs, target, cache_dir=cache, workers=workers, progress=progress)
    return {task: _kernel(made[key]) for key, task in wanted.items()}


def _kernel(made: ObjectFile) -> CompiledKernel:
    return CompiledKernel(made.data, KernelInfo.from_json(made.note))
