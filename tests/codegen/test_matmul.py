"""The machine code of matrix products with packed weights: what the innermost loop consists of."""

from __future__ import annotations

import re

import numpy as np
import pytest

from compiler.codegen.schedules import Template
from compiler.codegen.schedules.matmul_tiled import MatMulTiled
from compiler.codegen.tir import assembly
from compiler.ir import DType, Graph, Layout, Rewriter, Shape, TensorType
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.binary import Add, Mul
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.unary import Erf
from compiler.targets import Target, resolve
from tests.codegen.blocked_regions import run_guarded
from tests.codegen.native import CORTEX_A72, X86_V3, X86_V4, instructions, llvm
from tests.codegen.task_kernels import (
    HOST,
    check_that_knobs_matter,
    load_kernel,
    load_kernels,
    run_kernel,
    sampled_choices,
)


def product(rows: int, depth: int, columns: int, block: int) -> Graph:
    """``a @ b.T`` with packed ``b``."""
    graph = Graph("matmul")
    rewriter = Rewriter(graph)
    a = rewriter.input("a", TensorType(DType.F32, (rows, depth)))
    b = rewriter.input("b", TensorType(DType.F32, (columns, depth), Layout(((0, block),))))
    rewriter.output("y", rewriter.emit(MatMul(transpose_b=True), a, b))
    return graph


def row_major_product(a: Shape, b: Shape, *, transposed: bool) -> Graph:
    """``a @ b``, or ``a @ b.T``, as both lie in memory."""
    graph = Graph("matmul")
    rewriter = Rewriter(graph)
    operands = [rewriter.input(name, TensorType(DType.F32, shape)) for name, shape in (("a", a), ("b", b))]
    rewriter.output("y", rewriter.emit(MatMul(transpose_b=transposed), *operands))
    return graph


def gelu_of_product(rows: int, depth: int, columns: int, block: int) -> Graph:
    """Half of y (1 + erf(y)), where y is that product, and y itself."""
    graph = product(rows, depth, columns, block)
    rewriter = Rewriter(graph)
    (y,) = graph.outputs
    one = rewriter.constant(np.array(1, np.float32))
    bell = rewriter.emit(Mul(), y, rewriter.emit(Add(), rewriter.emit(Erf(), y), one))
    rewriter.output("gelu", rewriter.emit(Mul(), bell, rewriter.constant(np.array(0.5, np.float32))))
    return graph


def loops(target: Target, graph: Graph, template: Template | None = None) -> list[list[str]]:
    """The instructions of the innermost loops of the default kernel."""
    template = template or MatMulTiled()
    kernel = template.emit(graph, template.space(graph, target).default, target, "k")
    text = assembly(kernel.func, llvm(target))
    found: list[list[str]] = []
    for match in re.finditer(r"^(\.LBB\w+):", text, re.MULTILINE):
        body = text[match.end() :]
        end = re.search(rf"^\s(?:j\w+|b\S*)\s+(?:\S+, )?{re.escape(match[1])}$", body, re.MULTILINE)
        if end is not None and not re.search(r"^\.LBB", body[: end.start()], re.MULTILINE):
            found.append(instructions(f"\nk:{body[: end.start()]}Lfunc_end0", "k"))
    return found


@pytest.mark.parametrize(
    ("target", "block", "fma"),
    [(X86_V4, 32, "vfmadd"), (X86_V3, 16, "vfmadd"), (CORTEX_A72, 8, "fmla")],
    ids=lambda value: value.name if isinstance(value, Target) else str(value),
)
def test_the_tile_stays_in_registers_and_the_next_panel_is_prefetched(target: Target, block: int, fma: str) -> None:
    bodies = loops(target, product(112, 64, 128, block))
    tiles = [body for body in bodies if sum(line.startswith(fma) for line in body) > len(body) // 2]
    assert tiles
    for body in tiles:
        assert not [line for line in body if "sp)" in line or "[sp" in line]
        assert any(line.startswith(("prfm", "prefetch")) for line in body)


@pytest.mark.parametrize("rows", [1, 4])
def test_weights_that_are_read_once_are_prefetched_into_the_first_cache(rows: int) -> None:
    bodies = loops(X86_V4, product(rows, 512, 128, 32))
    (body,) = [body for body in bodies if any(line.startswith("vfmadd") for line in body)]
    assert sum(line.startswith("prefetcht0") for line in body) == 4 * 32 * 4 // 64


def test_a_long_epilogue_is_a_loop_of_its_own() -> None:
    """Written out for every row of the tile it would not fit in registers, nor in the instruction cache."""
    bodies = loops(X86_V4, gelu_of_product(112, 64, 128, 32))
    epilogues = [body for body in bodies if sum(line.startswith("vpslld") for line in body) == 2]
    assert epilogues and all(len(body) < 100 for body in epilogues)


@pytest.mark.parametrize("shape", [(30, 20, 100), (16, 8, 33), (1, 8, 32), (45, 8, 7)])
def test_results_of_a_long_epilogue_are_right(shape: tuple[int, int, int]) -> None:
    rows, depth, columns = shape
    graph = gelu_of_product(rows, depth, columns, 32)
    rng = np.random.default_rng(6)
    operands = [rng.standard_normal(value.type.shape, dtype=np.float32) for value in graph.inputs]
    for actual, expected in zip(run_kernel(load_kernel(graph), operands), run_graph(graph, operands), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


REAL = [(128, 768, 3072), (128, 3072, 768), (128, 768, 768), (128, 256, 1024), (128, 1024, 256)]


@pytest.mark.parametrize("shape", REAL, ids=lambda shape: "x".join(map(str, shape)))
def test_spaces_of_real_products_are_rich(shape: tuple[int, int, int]) -> None:
    space = MatMulTiled().space(product(*shape, 32), resolve("znver4"))
    assert 500 <= space.size <= 2000
    assert space.default in space


SAMPLED = {
    "packed": product(57, 70, 200, 32),
    "packed tail": product(40, 33, 70, 2 * HOST.lanes(4)),
    "packed, one tile": product(3, 64, 150, HOST.lanes(4)),
    "half a vector": product(30, 40, 8, HOST.lanes(4) // 2),
    "row-major": row_major_product((2, 45, 40), (40, 100), transposed=False),
    "turned around": row_major_product((2, 45, 40), (2, 100, 40), transposed=True),
    "few steps": product(90, 5, 70, 32),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_results_are_right_whatever_the_configuration(name: str) -> None:
    graph = SAMPLED[name]
    rng = np.random.default_rng(7)
    operands = [rng.standard_normal(value.type.shape, dtype=np.float32) for value in graph.inputs]
    (expected,) = run_graph(graph, operands)
    kernels = load_kernels((graph, choice) for choice in sampled_choices(MatMulTiled(), graph, HOST, 5))
    for (actual,) in run_guarded(kernels, operands):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("target", [HOST, CORTEX_A72], ids=lambda target: target.name)
@pytest.mark.parametrize("name", SAMPLED)
def test_knobs_matter(name: str, target: Target) -> None:
    for seed in range(2):
        check_that_knobs_matter(MatMulTiled(), SAMPLED[name], target, seed)


@pytest.mark.parametrize("shape", [(5, 2, 100), (40, 9, 40), (3, 64, 64), (1, 5, 33), (129, 4, 70)])
def test_products_of_few_steps_are_right(shape: tuple[int, int, int]) -> None:
    rows, depth, columns = shape
    rng = np.random.default_rng(5)
    a = rng.standard_normal((rows, depth), dtype=np.float32)
    b = rng.standard_normal((columns, depth), dtype=np.float32)
    (actual,) = run_kernel(load_kernel(product(rows, depth, columns, 32)), [a, b])
    np.testing.assert_allclose(actual, a.astype(np.float64) @ b.T, rtol=1e-5, atol=1e-5)
