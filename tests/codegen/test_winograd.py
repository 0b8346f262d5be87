"""Winograd kernels against the direct convolution that they stand for: shapes, paddings, tails, epilogues, knobs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.codegen.analytic.convolution import largest_tile
from compiler.codegen.schedules.winograd import Winograd
from compiler.codegen.tir import assembly
from compiler.ir import DType, Graph, Layout, Literal, Rewriter, Shape, TensorType, Value, parse_graph
from compiler.ir.interpreter import run_graph
from compiler.ir.literal import Array
from compiler.ir.ops.binary import Add, Maximum
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.unary import Sigmoid
from compiler.passes.layouts.regions import in_layouts
from compiler.passes.layouts.winograd import winograd_region, winograd_weights
from compiler.targets import Target, resolve
from tests.codegen.blocked_regions import run_guarded
from tests.codegen.native import CORTEX_A72, X86_V3, X86_V4, llvm
from tests.codegen.task_kernels import (
    HOST,
    LoadedKernel,
    check_that_knobs_matter,
    load_kernel,
    load_kernels,
    sampled_choices,
)
from tests.differential.emulated import Job, run_emulated

TOLERANCE = {2: 4e-6, 4: 1.5e-5}
"""Largest error by outputs, relative to the deviation of results, for operands of unit variance."""

TARGETS = [HOST, *(t for t in (resolve("x86-64-v2"), X86_V3) if set(t.features) <= set(HOST.features))]


@dataclass(frozen=True)
class Case:
    """A convolution with its epilogue: bias and, each if asked for, a residual and an activation."""

    x: Shape
    filters: int
    low: tuple[int, int] = (1, 1)
    high: tuple[int, int] = (1, 1)
    residual: bool = False
    activation: str = ""

    def direct(self) -> Graph:
        """The region as ``fuse`` makes it."""
        graph = Graph("task")
        rewriter = Rewriter(graph)
        x = rewriter.input("x", TensorType(DType.F32, self.x))
        w = rewriter.input("w", TensorType(DType.F32, (self.filters, self.x[1], 3, 3)))
        value = rewriter.emit(Conv((1, 1), self.low, self.high, (1, 1)), x, w)
        shape = value.type.shape
        value = rewriter.emit(Add(), value, rewriter.input("bias", TensorType(DType.F32, (1, self.filters, 1, 1))))
        if self.residual:
            value = rewriter.emit(Add(), value, rewriter.input("residual", TensorType(DType.F32, shape)))
        rewriter.output("y", self.activated(rewriter, value))
        return graph

    def activated(self, rewriter: Rewriter, value: Value) -> Value:
        match self.activation:
            case "relu":
                return rewriter.emit(Maximum(), value, rewriter.constant(np.array(0, np.float32)))
            case "sigmoid":
                return rewriter.emit(Sigmoid(), value)
            case _:
                return value

    def operands(self) -> list[Array]:
        """Normal numbers of variance 1."""
        generator = np.random.default_rng(7)
        return [generator.standard_normal(v.type.shape).astype(np.float32) for v in self.direct().inputs]

    def kernel_operands(self, outputs: int) -> list[Array]:
        """The same, with transformed weights."""
        x, w, *others = self.operands()
        return [x, winograd_weights(Literal(w), outputs).array, *others]

    def blocked(self, outputs: int, target: Target, vectors: int = 1) -> Graph:
        """The region of the kernel: blocked activations, ``vectors`` vectors of filters in a block."""
        region = winograd_region(self.direct(), outputs)
        assert region is not None
        lanes = target.lanes(4)
        activations = Layout(((1, lanes),))
        others = (activations if value.type.shape[1] > 1 else Layout() for value in region.inputs[2:])
        return in_layouts(region, (activations, Layout(((1, vectors * lanes),)), *others), activations)

    def assert_right(self, outputs: int, actual: Array) -> None:
        (expected,) = run_graph(self.direct(), self.operands())
        scale = math.sqrt(9 * self.x[1])
        np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[outputs] * scale)


def check(case: Case, outputs: int, kernels: Sequence[LoadedKernel]) -> None:
    """All kernels are right, touch nothing outside, and do not depend on how their iterations are split."""
    assert all(kernel.info.template.startswith("winograd/") for kernel in kernels)
    for (actual,) in run_guarded(kernels, case.kernel_operands(outputs)):
        case.assert_right(outputs, actual)


CASES = {
    "even tiles": Case((1, 32, 16, 16), 32),
    "tails": Case((2, 19, 13, 15), 40, residual=True, activation="relu"),
    "one tile": Case((1, 16, 3, 3), 16, (0, 0), (0, 0)),
    "smaller than a tile": Case((1, 8, 2, 1), 24, activation="sigmoid"),
    "one row": Case((1, 5, 1, 30), 3),
    "crop": Case((1, 17, 11, 12), 16, (-1, -2), (0, -1), residual=True),
    "wide padding": Case((1, 3, 5, 4), 16, (5, 0), (2, 7)),
    "all padding": Case((1, 4, 1, 1), 8, (9, 9), (9, 9)),
    "many channels": Case((1, 130, 7, 7), 48, activation="relu"),
    "many tiles": Case((1, 16, 40, 44), 16, residual=True),
}


@pytest.mark.parametrize("outputs", [2, 4])
@pytest.mark.parametrize("name", CASES)
def test_equals_the_direct_convolution(name: str, outputs: int) -> None:
    case = CASES[name]
    wanted = [(case.blocked(outputs, HOST, vectors), None) for vectors in (1, 2)]
    check(case, outputs, load_kernels(wanted))


@pytest.mark.parametrize("outputs", [2, 4])
def test_every_configuration_gives_the_same_results(outputs: int) -> None:
    case = Case((1, 35, 13, 15), 70, residual=True, activation="relu")
    graph = case.blocked(outputs, HOST, 2)
    choices = sampled_choices(Winograd(), graph, HOST, 12)
    check(case, outputs, load_kernels((graph, choice) for choice in choices))


@settings(max_examples=15)
@given(data=st.data())
def test_random_convolutions(data: st.DataObject) -> None:
    case, outputs, target = (
        data.draw(cases(), "case"),
        data.draw(st.sampled_from([2, 4])),
        data.draw(st.sampled_from(TARGETS)),
    )
    graph = case.blocked(outputs, target, data.draw(st.integers(1, 3), "vectors"))
    choice = sampled_choices(Winograd(), graph, target, 1, data.draw(st.integers(0, 2**32), "seed"))[-1]
    check(case, outputs, [load_kernel(graph, target, choice)])


@pytest.mark.parametrize("target", [HOST, CORTEX_A72], ids=lambda target: target.name)
def test_knobs_matter(target: Target) -> None:
    graph = Case((1, 35, 13, 15), 70, residual=True).blocked(4, target, 2)
    for seed in range(3):
        check_that_knobs_matter(Winograd(), graph, target, seed)


@pytest.mark.parametrize(("channels", "size"), [(64, 56), (128, 28)])
def test_spaces_of_real_convolutions_are_rich(channels: int, size: int) -> None:
    graph = Case((1, channels, size, size), channels).blocked(4, resolve("znver4"), 2)
    space = Winograd().space(graph, resolve("znver4"))
    assert 1000 <= space.size <= 4000
    assert space.default in space


@pytest.mark.parametrize(("channels", "size"), [(16, 32), (64, 8)])
def test_spaces_of_small_convolutions_have_enough_to_try(channels: int, size: int) -> None:
    graph = Case((1, channels, size, size), channels).blocked(4, CORTEX_A72, 4)
    assert Winograd().space(graph, CORTEX_A72).size >= 100


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any convolution that has a result."""
    low, high = (tuple(draw(st.integers(-2, 4)) for _ in range(2)) for _ in range(2))
    least = [max(1, 3 - lo - hi, 1 - min(lo, 0) - min(hi, 0)) for lo, hi in zip(low, high, strict=True)]
    height, width = (size + draw(st.integers(0, 17)) for size in least)
    channels, filters = draw(st.integers(1, 40)), draw(st.integers(2, 70))
    activation = draw(st.sampled_from(["", "relu", "sigmoid"]))
    x = (draw(st.integers(1, 2)), channels, height, width)
    return Case(x, filters, (low[0], low[1]), (high[0], high[1]), draw(st.booleans()), activation)


@pytest.mark.parametrize("target", [CORTEX_A72, resolve("armv7a_neon")], ids=lambda target: target.name)
def test_arm_kernels_are_right(target: Target, tmp_path) -> None:
    chosen = [(CASES[name], outputs) for name in ("tails", "crop", "smaller than a tile") for outputs in (2, 4)]
    jobs = [Job(case.blocked(outputs, target, 2), case.kernel_operands(outputs)) for case, outputs in chosen]
    for (case, outputs), job, (stored,) in zip(chosen, jobs, run_emulated(jobs, target, tmp_path), strict=True):
        (output,) = job.graph.outputs
        images, filters, *image = output.type.shape
        logical = np.moveaxis(stored, -1, 2).reshape(images, -1, *image)[:, :filters]
        case.assert_right(outputs, logical)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("target", [X86_V4, X86_V3, CORTEX_A72], ids=lambda target: target.name)
def test_the_innermost_loop_holds_its_sums_in_registers(target: Target, first: int) -> None:
    """A register tile is all multiply-adds and loads: nothing is spilled around it."""
    graph = Case((1, 64, 28, 48), 64).blocked(4, target, 2)
    tile = largest_tile(2, target)
    config = Winograd().space(graph, target).default | {"run": tile, "share": 2, "tile": tile, "points_first": first}
    kernel = Winograd().emit(graph, config, target, "k")
    loops = innermost_loops(assembly(kernel.func, llvm(target)))
    densest = max(loops, key=lambda loop: sum(map(is_fma, loop)))
    assert sum(map(is_fma, densest)) == 2 * tile
    assert len(densest) <= 3 * tile + 8
    assert not [line for line in densest if re.search(r"\b(?:rsp|sp)\b", line)]


def is_fma(line: str) -> bool:
    return bool(re.match(r"(?:vfmadd|fmla)", line))


def innermost_loops(text: str) -> list[list[str]]:
    """Runs of instructions between a label and the backward branch to it."""
    loops: list[list[str]] = []
    label, run = "", []
    for line in (raw.strip() for raw in text.splitlines()):
        if found := re.match(r"(\.LBB\w+):", line):
            label, run = found[1], []
        elif line and not line.startswith((".", "#", "//")) and not line.endswith(":"):
            run.append(line)
            if label and re.search(rf"\s{re.escape(label)}\b", line):
                loops.append(run)
                label, run = "", []
    return loops


NOT_OURS = {
    "row-major image": "f32[1,16,8,8]|f32[16,16,16]{1:16}|f32[1,16,1,1]{1:16}",
    "weights not packed": "f32[1,16,8,8]{1:16}|f32[16,16,16]|f32[1,16,1,1]{1:16}",
    "weights packed by channels": "f32[1,16,8,8]{1:16}|f32[16,16,16]{2:16}|f32[1,16,1,1]{1:16}",
    "blocks of another width": "f32[1,16,8,8]{1:8}|f32[16,16,16]{1:16}|f32[1,16,1,1]{1:16}",
}


def test_a_single_filter_is_left_to_others() -> None:
    """Its result has no channels to be vectors of."""
    assert not Winograd().matches(Case((1, 16, 8, 8), 1).blocked(2, HOST), HOST)


@pytest.mark.parametrize("name", NOT_OURS)
def test_other_layouts_are_left_to_others(name: str) -> None:
    x, u, bias = NOT_OURS[name].split("|")
    graph = parse_graph(
        f"""
        graph "task" (%0 "x": {x}, %1 "u": {u}, %2 "bias": {bias}) {{
          %3 = winograd_conv(%0, %1) {{outputs = 2, low = [1, 1], high = [1, 1]}} : f32[1,16,8,8]
          %4 = add(%3, %2) : f32[1,16,8,8]
          %5 = relayout(%4) {{layout = layout<{{1:16}}>}} : f32[1,16,8,8]{{1:16}}
          return %5 "y"
        }}
        """
    )
    assert not Winograd().matches(graph, X86_V4)
