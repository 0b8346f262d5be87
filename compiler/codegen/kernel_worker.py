"""The worker's side of ``kernel_jobs``: runs where TVM is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from compiler.codegen.computes import COMPUTES, Compute
from compiler.codegen.extensions import load_module
from compiler.codegen.kernel_jobs import KernelRequest
from compiler.codegen.kernels import build_kernel
from compiler.codegen.schedules import SCHEDULES, Template
from compiler.ir import Op, Task
from compiler.targets import Target


def emit(arguments: str, target: Target) -> tuple[bytes, str]:
    """The object for a request, and what is to be known of it, as ``KernelInfo``'s JSON."""
    request = KernelRequest.from_json(arguments)
    ops, schedules = load_extensions(request)
    code, info = build_kernel(Task(request.task), target, ops=ops, schedules=schedules)
    return code, info.to_json()


def spaces(arguments: str, target: Target) -> tuple[bytes, str]:
    """No object; as a JSON object, the version and the space of each template that matches the task of a request, by
    the template's name. The first one is the template of an untuned build."""
    request = KernelRequest.from_json(arguments)
    ops, schedules = load_extensions(request)
    region = Task(request.task).graph(ops)
    matching = [template for template in (*schedules, *SCHEDULES) if template.matches(region, target)]
    found = {
        template.name: {"version": template.version, "space": template.space(region, target).to_json()}
        for template in matching
    }
    return b"", json.dumps(found)


def load_extensions(request: KernelRequest) -> tuple[list[type[Op]], list[Template]]:
    """The ops and templates from outside the tree that a request names.

    A file that defines an op from outside the tree says how it is computed in a table ``COMPUTES`` of its
    own, whose rows join the compiler's for the life of this worker; a template from outside may do without.
    """
    ops = [cast("type[Op]", extension.load()) for extension in request.ops]
    for extension in request.ops:
        module = load_module(extension.module, Path(extension.path))
        COMPUTES.update(cast("dict[type[Op], Compute]", getattr(module, "COMPUTES", {})))
    return ops, [cast("type[Template]", extension.load())() for extension in request.schedules]
