"""From a task to machine code: choose a template and a config, emit, compile.

This runs in worker processes, since it loads TVM; what the rest of the compiler needs to know of the result is in
``KernelInfo``, which is cached beside the object.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from compiler.codegen.cost import region_bytes, region_flops
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.schedules import SCHEDULES, Config, Template
from compiler.codegen.tir import build_object, parallel_extent
from compiler.ir import Graph, Op, Task
from compiler.targets import Target
from compiler.targets.llvm import llvm_target_dict


class NoTemplateError(Exception):
    """No schedule template computes a task; the message has the task's text."""


def build_kernel(
    task: Task,
    target: Target,
    config: tuple[str, Config] | None = None,
    *,
    ops: Sequence[type[Op]] = (),
    schedules: Sequence[Template] = (),
) -> tuple[bytes, KernelInfo]:
    """The object that computes ``task`` on ``target``, and what a caller must know of it.

    ``config`` names a template and gives its knobs; without it the first template that matches is taken with its
    analytic default. ``ops`` and ``schedules`` come from outside the tree; those templates are tried first.
    Raises NoTemplateError.
    """
    region = task.graph(ops)
    template = choose_template(region, target, (*schedules, *SCHEDULES), config[0] if config else None)
    knobs = config[1] if config else template.space(region, target).default
    symbol = f"k_{task.hash}"
    kernel = template.emit(region, knobs, target, symbol)
    info = KernelInfo(
        symbol=symbol,
        extent=parallel_extent(kernel.func),
        scratch_bytes=kernel.scratch_bytes,
        flops=region_flops(region),
        bytes=region_bytes(region),
        in_place=kernel.in_place,
        template=f"{template.name}/{template.version}",
        config=json.dumps(dict(knobs), sort_keys=True),
    )
    return build_object([kernel.func], llvm_target_dict(target)), info


def choose_template(region: Graph, target: Target, templates: Sequence[Template], name: str | None = None) -> Template:
    """The first template that matches, or the one called ``name``; raises NoTemplateError."""
    for template in templates:
        if name in (None, template.name) and template.matches(region, target):
            return template
    wanted = f"template {name!r} does not compute" if name else "no template computes"
    raise NoTemplateError(f"{wanted} this task:\n{region}")
