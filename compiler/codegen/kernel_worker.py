"""The worker's side of ``kernel_jobs``: runs where TVM is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from compiler.codegen.analytic.assembly import read_code
from compiler.codegen.analytic.features import kernel_features, predicted_seconds
from compiler.codegen.computes import COMPUTES, Compute
from compiler.codegen.extensions import load_module
from compiler.codegen.kernel_jobs import KernelRequest
from compiler.codegen.kernels import (
    Emitted,
    IllegalConfigError,
    NoTemplateError,
    build_kernel,
    check_choice,
    choose_template,
    emit_kernel,
)
from compiler.codegen.schedules import SCHEDULES, Template
from compiler.codegen.tir import assembly, object_and_assembly
from compiler.ir import Op, Task
from compiler.targets import Target
from compiler.targets.llvm import llvm_target_dict


def emit(arguments: str, target: Target) -> tuple[bytes, str]:
    """The object for a request, and what is to be known of it, as ``KernelInfo``'s JSON.

    A choice is a wish: where it does not fit, the default is made, as ``KernelInfo`` shows.
    """
    request = KernelRequest.from_json(arguments)
    ops, schedules = load_extensions(request)
    choice = request.choice if _fits(request, target, ops, schedules) else None
    code, info = build_kernel(Task(request.task), target, choice, ops=ops, schedules=schedules)
    return code, info.to_json()


def _fits(request: KernelRequest, target: Target, ops: Sequence[type[Op]], schedules: Sequence[Template]) -> bool:
    """Whether there is a choice that can be made. A template from outside the tree that matches is what its author
    wants to see: a choice of another one does not fit then."""
    if request.choice is None:
        return False
    task, outside = Task(request.task), {template.name for template in schedules}
    default = choose_template(task.graph(ops), target, (*schedules, *SCHEDULES))
    if default.name in outside and request.choice.template not in outside:
        return False
    try:
        check_choice(task, target, request.choice, ops=ops, schedules=schedules)
    except (NoTemplateError, IllegalConfigError):
        return False
    return True


def spaces(arguments: str, target: Target) -> tuple[bytes, str]:
    """No object; as JSON the version and the space of every template that computes a task, the default one first."""
    request = KernelRequest.from_json(arguments)
    ops, schedules = load_extensions(request)
    region = Task(request.task).graph(ops)
    found = [template for template in (*schedules, *SCHEDULES) if template.matches(region, target)]
    rows = {t.name: {"version": t.version, "space": t.space(region, target).to_json()} for t in reversed(found)}
    return b"", json.dumps(dict(reversed(rows.items())))


def versions(arguments: str, target: Target) -> tuple[bytes, str]:
    """No object; as JSON the version of every template by its name, of those from outside the tree too."""
    _, schedules = load_extensions(KernelRequest.from_json(arguments))
    return b"", json.dumps({template.name: template.version for template in (*SCHEDULES, *schedules)})


def candidate(arguments: str, target: Target) -> tuple[bytes, str]:
    """The object for a request that has a choice, under a symbol of its own, and as JSON what tuners want to know of
    it: ``info``, ``version``, ``features`` and ``predicted_seconds``."""
    emitted = _emit_candidate(arguments, target)
    code, text = object_and_assembly(emitted.kernel.func, llvm_target_dict(target))
    return code, _note(emitted, text, target, asks_mca=True)


def estimate(arguments: str, target: Target) -> tuple[bytes, str]:
    """No object, and the rest of what ``candidate`` says, for tuners that run nothing: machine code is made twice for
    an object and its text, which is most of the time. Nobody learns from what ``llvm-mca`` says of it, either."""
    emitted = _emit_candidate(arguments, target)
    text = assembly(emitted.kernel.func, llvm_target_dict(target))
    return b"", _note(emitted, text, target, asks_mca=False)


def _emit_candidate(arguments: str, target: Target) -> Emitted:
    request = KernelRequest.from_json(arguments)
    ops, schedules = load_extensions(request)
    assert request.choice is not None, "a candidate has a template and knobs"
    task = Task(request.task)
    check_choice(task, target, request.choice, ops=ops, schedules=schedules)
    symbol = f"k_{task.hash}_{_digest(str(request.choice))}"
    return emit_kernel(task, target, request.choice, symbol, ops=ops, schedules=schedules)


def _note(emitted: Emitted, text: str, target: Target, *, asks_mca: bool) -> str:
    """What tuners want to know of a candidate whose assembly is ``text``."""
    features = kernel_features(
        emitted.region,
        emitted.template.name,
        emitted.config,
        read_code(text, target.isa),
        emitted.info,
        target,
        asks_mca=asks_mca,
    )
    note = {
        "info": emitted.info.to_json(),
        "version": emitted.template.version,
        "features": features,
        "predicted_seconds": predicted_seconds(features, target),
    }
    return json.dumps(note)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def load_extensions(request: KernelRequest) -> tuple[list[type[Op]], list[Template]]:
    """The ops and templates from outside the tree.

    A file that defines an op says how it is computed in a table ``COMPUTES`` of its own, whose rows join the
    compiler's for the life of this worker; a template may do without.
    """
    ops = [cast("type[Op]", extension.load()) for extension in request.ops]
    for extension in request.ops:
        module = load_module(extension.module, Path(extension.path))
        COMPUTES.update(cast("dict[type[Op], Compute]", getattr(module, "COMPUTES", {})))
    return ops, [cast("type[Template]", extension.load())() for extension in request.schedules]
