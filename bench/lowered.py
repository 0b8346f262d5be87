"""One configuration of a template as assembly, with its features: what models of time see of a kernel."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tvm import tirx

from compiler.codegen.analytic.assembly import Code, read_code
from compiler.codegen.analytic.features import kernel_features
from compiler.codegen.cost import region_bytes, region_flops
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.schedules import SCHEDULES, Config, Template
from compiler.codegen.tir import assembly, parallel_extent
from compiler.ir import Graph
from compiler.targets import Target
from compiler.targets.llvm import llvm_target_dict


@dataclass(frozen=True)
class Lowered:
    """A kernel before it is an object. ``text``: its assembly; ``code``: what was read of it."""

    func: tirx.PrimFunc
    info: KernelInfo
    text: str
    code: Code
    features: dict[str, float]


def template_named(name: str) -> Template:
    """The template of that name; raises KeyError."""
    return {template.name: template for template in SCHEDULES}[name]


def lower(region: Graph, template: Template, config: Config, target: Target, symbol: str = "kernel") -> Lowered:
    """The kernel of a region that the template matches."""
    kernel = template.emit(region, config, target, symbol)
    info = KernelInfo(
        symbol=symbol,
        extent=parallel_extent(kernel.func),
        scratch_bytes=kernel.scratch_bytes,
        flops=region_flops(region),
        bytes=region_bytes(region),
        in_place=kernel.in_place,
        template=f"{template.name}/{template.version}",
        config=json.dumps(dict(config), sort_keys=True),
    )
    text = assembly(kernel.func, llvm_target_dict(target))
    code = read_code(text, target.isa)
    features = kernel_features(region, template.name, config, code, info, target)
    return Lowered(kernel.func, info, text, code, features)
