"""The attention template over shapes, masks and orders of axes, against the reference interpreter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from compiler.codegen.schedules.attention import Attention
from compiler.ir import DType, Graph, Rewriter, TensorType, Value
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.binary import Add, Div, Mul, Sub
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.movement import Transpose
from compiler.ir.ops.reduction import ReduceMax, ReduceSum
from compiler.ir.ops.unary import Exp
from compiler.passes import PassManager
from compiler.passes.fuse_attention import FuseAttention
from compiler.targets import Target
from tests.codegen.native import CORTEX_A72, X86_V3, X86_V4
from tests.codegen.task_kernels import HOST, blank_results, load_kernel, run_kernel
from tests.codegen.test_matmul import loops


@dataclass(frozen=True)
class Case:
    """Sizes, and how operands lie in memory."""

    batch: tuple[int, ...]
    queries: int
    keys: int
    depth: int
    features: int
    heads_inside: bool = False
    """Whether heads are the last axis but one, as a projection leaves them."""
    transposed_keys: bool = False
    mask: tuple[int, ...] | None = None
    shared_keys: bool = False
    """Whether all of the batch use the same keys and values."""


CASES = {
    "small encoder": Case((1, 4), 128, 128, 64, 64, heads_inside=True),
    "vit": Case((1, 3), 197, 197, 64, 64, heads_inside=True),
    "tails everywhere": Case((2, 1), 29, 37, 19, 23),
    "few keys": Case((3,), 15, 5, 8, 4),
    "one query": Case((2, 2), 1, 40, 16, 16),
    "no batch": Case((), 20, 33, 12, 50),
    "transposed keys": Case((1, 2), 30, 41, 24, 16, transposed_keys=True),
    "causal": Case((2, 2), 40, 40, 16, 32, mask=(40, 40)),
    "mask of keys": Case((2, 2), 18, 35, 16, 32, heads_inside=True, mask=(2, 1, 1, 35)),
    "shared keys": Case((3, 2), 18, 35, 16, 32, shared_keys=True),
}


def attention(case: Case) -> Graph:
    """softmax(q k' / 8 + mask) v."""
    graph = Graph("attention")
    rewriter = Rewriter(graph)
    shared = (1,) * len(case.batch) if case.shared_keys else case.batch
    query = operand(rewriter, "q", case, (*case.batch, case.queries, case.depth))
    key = operand(rewriter, "k", case, (*shared, *sides(case.keys, case.depth, case.transposed_keys)))
    value = operand(rewriter, "v", case, (*shared, case.keys, case.features))
    scores = rewriter.emit(MatMul(transpose_b=not case.transposed_keys), query, key)
    scores = rewriter.emit(Mul(), scores, rewriter.constant(np.array(0.125, np.float32)))
    if case.mask is not None:
        scores = rewriter.emit(Add(), scores, rewriter.input("mask", TensorType(DType.F32, case.mask)))
    result = rewriter.emit(MatMul(), softmax(rewriter, scores), value)
    if case.heads_inside:
        result = rewriter.emit(Transpose((0, 2, 1, 3)), result)
    rewriter.output("y", result)
    return graph


def sides(keys: int, depth: int, transposed: bool) -> tuple[int, int]:
    return (depth, keys) if transposed else (keys, depth)


def operand(rewriter: Rewriter, name: str, case: Case, shape: tuple[int, ...]) -> Value:
    """An input of ``shape``, as it is or with heads inside."""
    if not case.heads_inside:
        return rewriter.input(name, TensorType(DType.F32, shape))
    batch, heads, rows, depth = shape
    return rewriter.emit(
        Transpose((0, 2, 1, 3)), rewriter.input(name, TensorType(DType.F32, (batch, rows, heads, depth)))
    )


def softmax(rewriter: Rewriter, scores: Value) -> Value:
    last = (scores.type.rank - 1,)
    powers = rewriter.emit(Exp(), rewriter.emit(Sub(), scores, rewriter.emit(ReduceMax(last), scores)))
    one = rewriter.constant(np.array(1, np.float32))
    return rewriter.emit(Mul(), powers, rewriter.emit(Div(), one, rewriter.emit(ReduceSum(last), powers)))


def operands_of(graph: Graph) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(value.type.shape, dtype=np.float32) for value in graph.inputs]
    for name, array in zip(graph.input_names, arrays, strict=True):
        if name == "mask":
            array[array > 0.5] = -np.inf
            array[..., 0] = 0
    return arrays


@pytest.mark.parametrize("name", CASES)
def test_attention_equals_reference(name: str) -> None:
    graph = attention(CASES[name])
    operands = operands_of(graph)
    kernel = load_kernel(graph)
    assert kernel.info.template.startswith("attention/")
    (actual,) = run_kernel(kernel, operands)
    np.testing.assert_allclose(actual, run_graph(graph, operands)[0], rtol=2e-5, atol=2e-6)


def test_results_do_not_depend_on_the_split_over_calls() -> None:
    graph = attention(CASES["vit"])
    kernel = load_kernel(graph)
    operands = operands_of(graph)
    expected = run_kernel(kernel, operands)[0]
    results = blank_results(kernel)
    for begin in reversed(range(kernel.info.extent)):
        results[1][...] = 0xFF  # another worker's scratch
        kernel.call([*operands, *results], begin, begin + 1)
    np.testing.assert_array_equal(results[0], expected)


def test_scratch_holds_a_tile_of_scores_only() -> None:
    case = Case((1, 2), 1000, 512, 64, 64)
    assert load_kernel(attention(case)).info.scratch_bytes < 4 * (2 * 512 * 64 + 16 * 512)


@pytest.mark.parametrize("name", CASES)
def test_what_the_pass_fuses_is_what_the_template_computes(name: str) -> None:
    graph = PassManager([FuseAttention(min_queries=1)]).run(attention(CASES[name]), verify=True)
    (fused,) = [node for node in graph if not isinstance(node.op, Constant)]
    assert Attention().matches(fused.regions[0], HOST)


@pytest.mark.parametrize(
    ("target", "fma"), [(X86_V4, "vfmadd"), (X86_V3, "vfmadd"), (CORTEX_A72, "fmla")], ids=("v4", "v3", "a72")
)
def test_tiles_stay_in_registers(target: Target, fma: str) -> None:
    bodies = loops(target, attention(CASES["small encoder"]), Attention())
    tiles = [body for body in bodies if sum(line.startswith(fma) for line in body) > len(body) // 2]
    assert len(tiles) >= 2  # scores and results
    for body in tiles:
        assert not [line for line in body if "sp)" in line or "[sp" in line]
