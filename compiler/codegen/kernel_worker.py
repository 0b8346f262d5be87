"""The worker's side of ``kernel_jobs``: runs where TVM is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from compiler.codegen.computes import COMPUTES, Compute
from compiler.codegen.extensions import load_module
from compiler.codegen.kernel_jobs import KernelRequest
from compiler.codegen.kernels import build_kernel
from compiler.codegen.schedules import Template
from compiler.ir import Op, Task
from compiler.targets import Target


def emit(arguments: str, target: Target) -> tuple[bytes, str]:
    """The object for a request, and what is to be known of it, as ``KernelInfo``'s JSON.

    A file that defines an op from outside the tree says how it is computed in a table ``COMPUTES`` of its
    own, whose rows join the compiler's for the life of this worker; a template from outside may do without.
    """
    request = KernelRequest.from_json(arguments)
    ops = [cast("type[Op]", extension.load()) for extension in request.ops]
    for extension in request.ops:
        module = load_module(extension.module, Path(extension.path))
        COMPUTES.update(cast("dict[type[Op], Compute]", getattr(module, "COMPUTES", {})))
    schedules = [cast("type[Template]", extension.load())() for extension in request.schedules]
    code, info = build_kernel(Task(request.task), target, ops=ops, schedules=schedules)
    return code, info.to_json()
