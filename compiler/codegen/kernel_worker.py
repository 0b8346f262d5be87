"""The worker's side of ``kernel_jobs``: runs where TVM is loaded."""

from __future__ import annotations

from typing import cast

from compiler.codegen.kernel_jobs import KernelRequest
from compiler.codegen.kernels import build_kernel
from compiler.codegen.schedules import Template
from compiler.ir import Op, Task
from compiler.targets import Target


def emit(arguments: str, target: Target) -> tuple[bytes, str]:
    """The object for a request, and what is to be known of it, as ``KernelInfo``'s JSON."""
    request = KernelRequest.from_json(arguments)
    ops = [cast("type[Op]", extension.load()) for extension in request.ops]
    schedules = [cast("type[Template]", extension.load())() for extension in request.schedules]
    code, info = build_kernel(Task(request.task), target, ops=ops, schedules=schedules)
    return code, info.to_json()
