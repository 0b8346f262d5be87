"""The templates and spaces that tasks can be tuned in, asked of worker processes. Never imports TVM."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from compiler.codegen.extensions import Extension
from compiler.codegen.kernel_jobs import KernelRequest
from compiler.codegen.objects import Job, run_jobs
from compiler.codegen.space import Space
from compiler.ir import Task
from compiler.targets import Target

EMITTER = "compiler.codegen.kernel_worker:spaces"


@dataclass(frozen=True)
class TemplateSpace:
    """The configurations of one template for one task; ``version`` is the template's."""

    version: int
    space: Space


def task_spaces(
    tasks: Iterable[Task],
    target: Target,
    cache: Path | None,
    *,
    ops: tuple[Extension, ...] = (),
    schedules: tuple[Extension, ...] = (),
    workers: int | None = None,
) -> dict[Task, dict[str, TemplateSpace]]:
    """For each task the space of every template that computes it, by the template's name; the first one with its
    space's default is what an untuned build takes.

    ``cache`` is where answers are kept between processes; None keeps none. Raises JobsFailedError when a task cannot be
    read, CacheUnwritableError, WorkerStartError.
    """
    wanted = {task.hash: task for task in tasks}
    jobs = [Job(key, EMITTER, KernelRequest(task.text, ops, schedules).to_json()) for key, task in wanted.items()]
    answers = run_jobs(jobs, target, cache_dir=cache, workers=workers)
    return {task: _spaces(answers[key].note) for key, task in wanted.items()}


def _spaces(note: str) -> dict[str, TemplateSpace]:
    rows = json.loads(note)
    return {name: TemplateSpace(row["version"], Space.from_json(row["space"])) for name, row in rows.items()}
