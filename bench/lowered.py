"""One configuration of a template as assembly, with its features: what models of time see of a kernel."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.codegen.analytic.assembly import Code, read_code
from compiler.codegen.analytic.features import kernel_features
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.kernels import emit_kernel
from compiler.codegen.schedules import Config
from compiler.codegen.tir import assembly
from compiler.ir import Task
from compiler.targets import Target
from compiler.targets.llvm import llvm_target_dict


@dataclass(frozen=True)
class Lowered:
    """``text``: a kernel's assembly; ``code``: what was read of it."""

    template: str
    config: Config
    info: KernelInfo
    text: str
    code: Code
    features: dict[str, float]


def lower(task: Task, target: Target, config: tuple[str, Config] | None = None) -> Lowered:
    """The kernel of a task by a template and its knobs, or by the default. Raises what ``emit_kernel`` raises."""
    emitted = emit_kernel(task, target, config, "kernel")
    name = emitted.template.name
    text = assembly(emitted.kernel.func, llvm_target_dict(target))
    code = read_code(text, target.isa)
    features = kernel_features(emitted.region, name, emitted.config, code, emitted.info, target)
    return Lowered(name, emitted.config, emitted.info, text, code, features)
