"""Features of lowered kernels: finite and the same every time for every template; what the static model must get right
whatever its constants are."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import pytest
from tvm_ffi import StructuralKey

from compiler.codegen.analytic import mca
from compiler.codegen.analytic.assembly import read_code
from compiler.codegen.analytic.features import kernel_features, predicted_seconds
from compiler.codegen.kernels import choose_template, emit_kernel
from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.space import Choice
from compiler.codegen.tir import assembly
from compiler.ir import Graph, Task, print_graph
from compiler.targets import Target, resolve
from compiler.targets.llvm import llvm_target_dict
from tests.codegen.analytic.template_regions import template_regions
from tests.codegen.test_conv_templates import blocked_graph, conv2d
from tests.codegen.test_matmul import product

X86, ARM = resolve("znver4"), resolve("arm_cortex_a72")
NAMES = [template.name for template in SCHEDULES]


def features_of(region: Graph, target: Target, **knobs: int) -> dict[str, float]:
    template = choose_template(region, target, SCHEDULES)
    config = {**template.space(region, target).default, **knobs}
    emitted = emit_kernel(Task(print_graph(region)), target, Choice.of(template.name, config), "kernel")
    code = read_code(assembly_of(StructuralKey(emitted.kernel.func), target), target.isa)
    return kernel_features(region, template.name, config, code, emitted.info, target)


@lru_cache(maxsize=8)
def assembly_of(func: StructuralKey, target: Target) -> str:
    """Of a kernel that was not just compiled; that LLVM writes the same every time is tested elsewhere."""
    return assembly(func.key, llvm_target_dict(target))


def seconds_of(region: Graph, target: Target, **knobs: int) -> float:
    return predicted_seconds(features_of(region, target, **knobs), target)


def convolution(channels: int, filters: int, size: int, target: Target) -> Graph:
    x, w = (1, channels, size, size), (filters, channels, 1, 1)
    return blocked_graph(x, w, conv2d(), target.lanes(4), 2, blocked_image=True)


@pytest.mark.parametrize("target", [X86, ARM], ids=lambda target: target.name)
@pytest.mark.parametrize("name", NAMES)
def test_every_template_has_finite_features_that_are_always_the_same(name: str, target: Target) -> None:
    region = template_regions(target)[name]
    features = features_of(region, target)
    assert features[f"template_{name}"] == 1
    assert all(type(value) is float and math.isfinite(value) for value in features.values())
    assert predicted_seconds(features, target) > 0
    assert features == features_of(region, target)


@pytest.mark.parametrize("target", [X86, ARM], ids=lambda target: target.name)
def test_more_work_takes_longer(target: Target) -> None:
    sizes = [seconds_of(convolution(64, 64, size, target), target) for size in (7, 14, 28)]
    channels = [seconds_of(convolution(count, 64, 14, target), target) for count in (32, 128, 512)]
    rows = [seconds_of(product(count, 256, 256, 2 * target.lanes(4)), target) for count in (8, 64, 256)]
    for times in (sizes, channels, rows):
        assert times == sorted(times)
        assert times[0] < times[-1]


@pytest.mark.parametrize("target", [X86, ARM], ids=lambda target: target.name)
def test_a_tile_of_one_column_is_slow_and_its_features_say_why(target: Target) -> None:
    region = convolution(128, 64, 28, target)
    narrow, wide = features_of(region, target, tile=1), features_of(region, target)
    assert predicted_seconds(narrow, target) > 1.2 * predicted_seconds(wide, target)
    assert narrow["accumulators"] < wide["accumulators"]
    assert narrow["loaded"] > wide["loaded"]
    assert narrow["cycles_by_ideal"] > wide["cycles_by_ideal"] >= 1


def test_knobs_are_features() -> None:
    features = features_of(convolution(64, 64, 14, X86), X86, tile=7)
    assert features["knob_tile"] == 3


def test_what_llvm_mca_says_is_one_feature_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "llvm-mca"
    tool.write_text("#!/bin/sh\ncat > /dev/null; echo 'Total Cycles:      800'\n")
    tool.chmod(0o755)
    region = convolution(64, 64, 14, X86)
    monkeypatch.setattr(mca, "find_mca", lambda: None)
    without = features_of(region, X86)
    monkeypatch.setattr(mca, "find_mca", lambda: str(tool))
    found = features_of(region, X86)
    assert found.pop("mca_cycles") == 8 / found["multiply_adds"]
    assert found == without
