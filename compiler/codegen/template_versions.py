"""The versions of schedule templates, asked of a worker process, since templates need TVM. Never imports it."""

from __future__ import annotations

import json
from pathlib import Path

from compiler.codegen.extensions import Extension
from compiler.codegen.kernel_jobs import KernelRequest
from compiler.codegen.objects import Job, run_jobs
from compiler.targets import Target

EMITTER = "compiler.codegen.kernel_worker:versions"


def template_versions(
    target: Target, cache: Path, *, schedules: tuple[Extension, ...] = (), workers: int | None = None
) -> dict[str, int]:
    """The version of every template by its name, those from outside the tree included.

    The answer is in ``cache`` as long as the compiler's sources stay the same, so that few builds start a worker for
    it. Raises what ``run_jobs`` raises.
    """
    job = Job("template versions", EMITTER, KernelRequest("", (), schedules).to_json())
    made = run_jobs([job], target, cache_dir=cache, workers=workers)
    return json.loads(made[job.key].note)
