"""From a task to machine code: choose a template and a config, emit, compile.

This runs in worker processes, since it loads TVM; what the rest of the compiler needs to know of the result is in
``KernelInfo``, which is cached beside the object.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.schedules import SCHEDULES, Config, Kernel, Template
from compiler.codegen.space import Choice
from compiler.codegen.tir import build_object, parallel_extent
from compiler.codegen.work import region_bytes, region_flops
from compiler.ir import Graph, Op, Task
from compiler.targets import Target
from compiler.targets.llvm import llvm_target_dict


class NoTemplateError(Exception):
    """No schedule template computes a task; the message has the task's text."""


class IllegalConfigError(Exception):
    """A config that the space of its template does not have; the message names both."""


def build_kernel(
    task: Task,
    target: Target,
    choice: Choice | None = None,
    *,
    ops: Sequence[type[Op]] = (),
    schedules: Sequence[Template] = (),
) -> tuple[bytes, KernelInfo]:
    """The object that computes ``task`` on ``target``, and what a caller must know of it.

    Without a ``choice`` the first template that matches is taken with its analytic default. ``ops`` and ``schedules``
    come from outside the tree; those templates are tried first. Whether the template's space has the knobs of the
    choice is not checked: see ``check_choice``. Raises NoTemplateError.
    """
    emitted = emit_kernel(task, target, choice, f"k_{task.hash}", ops=ops, schedules=schedules)
    return build_object([emitted.kernel.func], llvm_target_dict(target)), emitted.info


@dataclass(frozen=True)
class Emitted:
    """A kernel as TIR, with where it comes from."""

    region: Graph
    template: Template
    config: Config
    kernel: Kernel
    info: KernelInfo


def emit_kernel(
    task: Task,
    target: Target,
    choice: Choice | None,
    symbol: str,
    *,
    ops: Sequence[type[Op]] = (),
    schedules: Sequence[Template] = (),
) -> Emitted:
    """The kernel of ``build_kernel`` before it is machine code, exported as ``symbol``."""
    region = task.graph(ops)
    template = choose_template(region, target, (*schedules, *SCHEDULES), choice.template if choice else None)
    knobs = choice.config if choice else template.space(region, target).default
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
    return Emitted(region, template, knobs, kernel, info)


def check_choice(
    task: Task,
    target: Target,
    choice: Choice,
    *,
    ops: Sequence[type[Op]] = (),
    schedules: Sequence[Template] = (),
) -> None:
    """Raise NoTemplateError or IllegalConfigError for a choice that cannot be made, such as that of a stale record."""
    region = task.graph(ops)
    template = choose_template(region, target, (*schedules, *SCHEDULES), choice.template)
    if choice.config not in template.space(region, target):
        raise IllegalConfigError(f"the space of {template.name}/{template.version} for this task lacks {choice.config}")


def choose_template(region: Graph, target: Target, templates: Sequence[Template], name: str | None = None) -> Template:
    """The first template that matches, or the one called ``name``; raises NoTemplateError."""
    for template in templates:
        if name in (None, template.name) and template.matches(region, target):
            return template
    wanted = f"template {name!r} does not compute" if name else "no template computes"
    raise NoTemplateError(f"{wanted} this task:\n{region}")
