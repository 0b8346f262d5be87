"""The instruction mix of innermost loops for 64-bit Arm: multiply-adds by an element, few loads, nothing spilled."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from compiler.codegen.analytic.assembly import Code, Kind, Loop, read_code
from compiler.codegen.kernels import choose_template
from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.tir import assembly
from compiler.ir import DType, Graph, Layout, Rewriter, TensorType
from compiler.ir.ops.contraction import MatMul
from compiler.targets import Target, resolve
from compiler.targets.llvm import llvm_target_dict
from tests.codegen import test_winograd as winograd
from tests.codegen.test_blocked_windows import depthwise_region, square
from tests.codegen.test_conv_templates import blocked_graph, conv2d
from tests.codegen.test_depthwise_pointwise import Case, pair_region

LANES = 4
CORES = [resolve(f"arm_cortex_{name}") for name in ("a72", "a76")]
ON_EVERY_CORE = pytest.mark.parametrize("target", CORES, ids=lambda target: target.name)


def code_of(region: Graph, target: Target, knobs: Mapping[str, int] | None = None) -> Code:
    """The kernel of an untuned build, but for the knobs given."""
    template = choose_template(region, target, SCHEDULES)
    config = {**template.space(region, target).default, **(knobs or {})}
    return read_code(
        assembly(template.emit(region, config, target, "kernel").func, llvm_target_dict(target)), target.isa
    )


def sums(code: Code) -> list[Loop]:
    """The innermost loops that multiply and add."""
    loops = [loop for loop in code.loops if loop.multiply_adds]
    assert loops
    return loops


CONVOLUTIONS = {
    "3x3": ((1, 64, 28, 28), (64, 64, 3, 3), conv2d(1, 1, 1)),
    "3x3 of small images": ((1, 64, 7, 7), (64, 64, 3, 3), conv2d(1, 1, 1)),
    "3x3 stride 2": ((1, 64, 28, 28), (64, 64, 3, 3), conv2d(2, 1, 1)),
    "1x1": ((1, 128, 28, 28), (64, 128, 1, 1), conv2d()),
}


@ON_EVERY_CORE
@pytest.mark.parametrize("vectors", [2, 3])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_multiply_by_element(name: str, vectors: int, target: Target) -> None:
    x, w, op = CONVOLUTIONS[name]
    code = code_of(blocked_graph(x, w, op, LANES, vectors, blocked_image=True), target)
    for loop in sums(code):
        assert loop.by_element == loop.multiply_adds
        assert loop.spills == 0
        assert loop.counts[Kind.SIMD] == 0
    widest = max(sums(code), key=lambda loop: len(loop.chains))
    assert len(widest.chains) >= 12
    assert widest.multiply_adds >= 2.5 * len(widest.loads)


def test_one_load_brings_the_channels_of_a_column() -> None:
    x, w, op = CONVOLUTIONS["1x1"]
    code = code_of(blocked_graph(x, w, op, LANES, 2, blocked_image=True), CORES[0], {"tile": 8, "span": 4})
    loop = max(sums(code), key=lambda loop: len(loop.chains))
    # Eight columns of four channels times two vectors of filters: 8 vectors of elements and 4 * 2 of weights.
    assert (loop.multiply_adds, len(loop.chains), loop.loads) == (64, 16, (16,) * 16)
    assert loop.counts[Kind.LOAD] < len(loop.loads), "neighbours are loaded in pairs"


def test_columns_of_row_major_images_are_broadcast_by_the_multiplication() -> None:
    graph = blocked_graph((1, 3, 32, 32), (32, 3, 3, 3), conv2d(2, 1, 1), LANES, 2, blocked_image=False)
    for loop in sums(code_of(graph, CORES[0])):
        assert loop.by_element >= loop.multiply_adds - 2, "all but elements that ld1r has broadcast"
        assert loop.spills == 0


@ON_EVERY_CORE
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_convolutions_load_every_column_once(stride: int, target: Target) -> None:
    code = code_of(depthwise_region(square((1, 64, 28, 28), 3, stride, 1, 1), LANES), target)
    for loop in sums(code):
        assert loop.by_element == 0
        assert loop.spills == 0
    widest = max(sums(code), key=lambda loop: loop.multiply_adds)
    columns = len(widest.chains)
    assert len(widest.loads) <= stride * columns + 2 + 3


@ON_EVERY_CORE
def test_a_depthwise_convolution_with_its_product_spills_nothing(target: Target) -> None:
    code = code_of(pair_region(Case((1, 96, 28, 28), 3, 1, 24, 2), LANES), target)
    assert all(loop.spills == 0 for loop in sums(code))
    product = max(sums(code), key=lambda loop: loop.by_element)
    assert product.by_element == product.multiply_adds >= 3 * len(product.loads)


@ON_EVERY_CORE
@pytest.mark.parametrize("outputs", [2, 4])
def test_products_of_winograd_multiply_by_element(outputs: int, target: Target) -> None:
    case = winograd.Case((1, 64, 28, 28), 64)
    code = code_of(case.blocked(outputs, target, vectors=2), target)
    products = [loop for loop in sums(code) if not loop.counts[Kind.SIMD]]  # transforms add and subtract as well
    assert products
    for loop in products:
        assert loop.by_element >= loop.multiply_adds - 2, "all but elements that ld1r has broadcast"
        assert loop.spills == 0
    assert max(loop.multiply_adds / len(loop.loads) for loop in products) >= 1.5


@ON_EVERY_CORE
def test_matrix_products_spill_nothing(target: Target) -> None:
    graph = Graph("task")
    rewriter = Rewriter(graph)
    a = rewriter.input("a", TensorType(DType.F32, (64, 256)))
    b = rewriter.input("b", TensorType(DType.F32, (256, 256), Layout(((0, 2 * LANES),))))
    rewriter.output("y", rewriter.emit(MatMul(transpose_b=True), a, b))
    for loop in sums(code_of(graph, target)):
        assert loop.by_element == loop.multiply_adds
        assert loop.spills == 0
        assert loop.multiply_adds >= 2.5 * len(loop.loads)
