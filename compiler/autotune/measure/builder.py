"""Candidates from worker processes: objects, features of the lowered kernels, and the static model's answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler.autotune.measure.interface import Built
from compiler.autotune.record import Status
from compiler.codegen.extensions import Extension
from compiler.codegen.kernel_jobs import KernelRequest
from compiler.codegen.objects import (
    Job,
    JobCrashedError,
    JobError,
    JobMemoryError,
    JobsFailedError,
    JobTimeoutError,
    ObjectFile,
    run_jobs,
)
from compiler.codegen.space import Choice
from compiler.ir import Task
from compiler.targets import Target

EMITTER = "compiler.codegen.kernel_worker:candidate"
ESTIMATOR = "compiler.codegen.kernel_worker:estimate"
LIMIT_SECONDS = 60.0
LIMIT_BYTES = 4 << 30


@dataclass(frozen=True)
class WorkerBuilder:
    """Builds candidates for a target.

    Args:
        target: what to build for.
        cache: a folder for objects; what it has is not built again. None keeps nothing.
        workers: the most processes to use; None: one for each CPU.
        limit_seconds: how long one candidate may take.
        limit_bytes: how much memory one candidate may take beyond what a worker has.
        ops, schedules: from outside the tree.
        estimates_only: no objects, which nothing will run: only what the static model says.
    """

    target: Target
    cache: Path | None
    workers: int | None = None
    limit_seconds: float = LIMIT_SECONDS
    limit_bytes: int = LIMIT_BYTES
    ops: tuple[Extension, ...] = ()
    schedules: tuple[Extension, ...] = ()
    estimates_only: bool = False

    def build(self, task: Task, choices: Sequence[Choice]) -> list[Built]:
        """One result per choice, in their order; raises WorkerStartError when no worker comes up."""
        jobs = [self._job(task, choice) for choice in choices]
        failures: dict[str, JobError] = {}
        try:
            made = run_jobs(
                jobs,
                self.target,
                cache_dir=self.cache,
                workers=self.workers,
                limit_seconds=self.limit_seconds,
                limit_bytes=self.limit_bytes,
            )
        except JobsFailedError as error:
            made, failures = error.completed, {failure.key: failure for failure in error.failures}
        return [
            _failed(choice, failures[job.key]) if job.key in failures else _built(choice, made[job.key])
            for choice, job in zip(choices, jobs, strict=True)
        ]

    def _job(self, task: Task, choice: Choice) -> Job:
        request = KernelRequest(task.text, self.ops, self.schedules, choice)
        return Job(f"{task.hash} {choice}", ESTIMATOR if self.estimates_only else EMITTER, request.to_json())


def _built(choice: Choice, made: ObjectFile) -> Built:
    note: dict[str, Any] = json.loads(made.note)
    return Built(
        choice=choice,
        version=note["version"],
        status=Status.OK,
        code=made.data,
        info=note["info"],
        features=note["features"],
        predicted_seconds=note["predicted_seconds"],
    )


def _failed(choice: Choice, failure: JobError) -> Built:
    """``version`` is unknown: 0."""
    reason = failure.reason.splitlines()[0] if failure.reason else ""
    return Built(choice, 0, _status(failure), reason)


def _status(failure: JobError) -> Status:
    match failure:
        case JobTimeoutError():
            return Status.TIMEOUT
        case JobMemoryError():
            return Status.MEMORY
        case JobCrashedError():
            return Status.CRASHED
        case _:
            return Status.BUILD_ERROR
