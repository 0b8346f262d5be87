"""What a compiled result may differ by, derived from the graph itself.

The reference runs once as it is and several times with every inexact result disturbed by about its rounding error.
An element may then be off by a multiple of the spread that those runs show: nothing where arithmetic is exact, little
where it is benign, much where terms cancel, and anything where a comparison or a rounding hangs on the last bit.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportOperatorIssue=false
# numpy, hypothesis and onnx.helper take more than their annotations say.

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.ir import Graph, Node, Op, RegionOp, Value
from compiler.ir.cook_toom import filtering
from compiler.ir.interpreter import evaluate_node
from compiler.ir.literal import Array
from compiler.ir.ops import (
    binary,
    contraction,
    pooling,
    quantization,
    reduction,
    resampling,
    scattering,
    unary,
    winograd,
)
from tests.differential.unspecified import unspecified_elements

RUNS = 8
MARGIN = 8.0
"""How many times the largest spread that the disturbed runs show is still taken for rounding."""

JUMP = 0.05
"""A relative spread that is no rounding."""

ROUNDING = {np.dtype(np.float16): 1e-3, np.dtype(np.float32): 3e-7, np.dtype(np.float64): 1e-15}
"""Relative size of the disturbance: a few units in the last place, as the vector math documents."""
UNIT = {np.dtype(np.float16): 6e-8, np.dtype(np.float32): 6e-8, np.dtype(np.float64): 1.2e-16}
"""Unit roundoff of the accumulators: half floats are summed in float32."""
TINY = {np.dtype(np.float16): 1.2e-7, np.dtype(np.float32): 1e-44, np.dtype(np.float64): 0.0}
"""A subnormal unit or two, below which nothing is relative."""

_INEXACT: tuple[type[Op], ...] = (
    *(
        unary.Sqrt,
        unary.Exp,
        unary.LibraryExp,
        unary.LibraryLog1p,
        unary.Log,
        unary.Erf,
        unary.Sigmoid,
        unary.Tanh,
        unary.Sin,
        unary.Cos,
        unary.Tan,
    ),
    *(unary.Asin, unary.Acos, unary.Atan, unary.Sinh, unary.Cosh, unary.Asinh, unary.Acosh, unary.Atanh),
    *(binary.Add, binary.Sub, binary.Mul, binary.Div, binary.Mod, binary.Fmod, binary.Pow),
    *(quantization.Dequantize,),
)
_SUMS: tuple[type[Op], ...] = (
    *(contraction.MatMul, contraction.Conv, winograd.WinogradConv, pooling.SumPool, resampling.Resample),
    *(reduction.ReduceSum, reduction.ReduceProd, reduction.CumulativeSum, reduction.CumulativeProd),
    *(scattering.ScatterElements, scattering.ScatterNd),
)
"""Ops whose error is relative to the terms rather than to the result."""


@dataclass(frozen=True)
class Expected:
    """A result of the reference and how far each element may be off; ``free`` marks those that may be anything."""

    value: Array
    slack: Array
    free: Array


def expectations(graph: Graph, inputs: Sequence[Array], seed: int = 0) -> list[Expected]:
    """What the graph's results must be for arrays in input order."""
    exact = _run(graph, inputs, lambda node, operands: evaluate_node(node, operands))
    open_ = unspecified_elements(graph, inputs)
    spreads = [(np.zeros(array.shape), mask.copy()) for array, mask in zip(exact, open_, strict=True)]
    for number in range(RUNS):
        noise = _Noise(np.random.default_rng((seed, number)))
        for (spread, free), want, got in zip(spreads, exact, _run(graph, inputs, noise.results), strict=True):
            _widen(spread, free, want, got)
    return [_expected(want, spread, free) for want, (spread, free) in zip(exact, spreads, strict=True)]


@np.errstate(all="ignore")
def _expected(want: Array, spread: Array, free: Array) -> Expected:
    """The verdict on one result. Where runs differ by far more than rounding does, something jumps: no comparison."""
    if want.dtype.kind == "f":
        sizes = np.where(np.isfinite(want), np.abs(want.astype(np.float64)), 0.0)
        free = free | (spread > JUMP * np.maximum(sizes, 0.01 * sizes.max(initial=0.0)))
    return Expected(want, MARGIN * spread + TINY.get(want.dtype, 0.0), free)


def assert_as_expected(actual: Array, expected: Expected, what: str = "result") -> None:
    """Fail, with the first elements that differ, unless ``actual`` is what it must be."""
    want = expected.value
    assert actual.dtype == want.dtype and actual.shape == want.shape, f"{what}: {actual.dtype}{actual.shape}"
    wrong = ~(_agrees(actual, want, expected.slack) | expected.free)
    if wrong.any():
        places = [tuple(map(int, place)) for place in np.argwhere(wrong)[:5]]
        lines = [f"  at {p}: {actual[p]!r}, expected {want[p]!r} +- {expected.slack[p]:.3g}" for p in places]
        raise AssertionError("\n".join([f"{what}: {int(wrong.sum())} of {wrong.size} elements differ", *lines]))


@np.errstate(all="ignore")
def _agrees(actual: Array, want: Array, slack: Array) -> Array:
    if want.dtype.kind != "f":
        return actual == want
    distance = np.abs(actual.astype(np.float64) - want.astype(np.float64))
    return (actual == want) | (np.isnan(actual) & np.isnan(want)) | (distance <= slack)


@np.errstate(all="ignore")
def _widen(spread: Array, free: Array, want: Array, got: Array) -> None:
    """Take in what one disturbed run has shown."""
    if want.dtype.kind != "f":
        free |= got != want
        return
    distance = np.abs(got.astype(np.float64) - want.astype(np.float64))
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    free |= ~same & ~np.isfinite(distance)
    np.maximum(spread, np.where(np.isfinite(distance), distance, 0.0), out=spread)


def _run(graph: Graph, inputs: Sequence[Array], evaluate: Callable[[Node, list[Array]], list[Array]]) -> list[Array]:
    known: dict[Value, Array] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph:
        known.update(zip(node.results, evaluate(node, [known[v] for v in node.operands]), strict=True))
    return [known[value] for value in graph.outputs]


class _Noise:
    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def results(self, node: Node, operands: list[Array]) -> list[Array]:
        """Disturbed results of one node."""
        if isinstance(node.op, RegionOp):
            return _run(node.regions[0], operands, self.results)
        if isinstance(node.op, binary.Add | binary.Sub):
            # Fused into a multiply-add, a product is not rounded as it is where it is used otherwise.
            operands = [
                self.disturbed(array) if value.producer else array
                for value, array in zip(node.operands, operands, strict=True)
            ]
        results = evaluate_node(node, operands)
        if isinstance(node.op, _SUMS):
            results = [self.summed(node, operands, array) for array in results]
        if isinstance(node.op, (*_INEXACT, *_SUMS)):
            results = [self.disturbed(array) for array in results]
        return results

    @np.errstate(all="ignore")
    def summed(self, node: Node, operands: list[Array], result: Array) -> Array:
        """A sum off by the error bound of recursive summation (N. Higham, Accuracy and Stability of Numerical
        Algorithms, 4.2), which is relative to the terms."""
        if result.dtype.kind != "f":
            return result
        finite = [np.where(np.isfinite(a), np.abs(a), 0) if a.dtype.kind == "f" else a for a in operands]
        if isinstance(node.op, winograd.WinogradConv):
            matrices = filtering(node.op.outputs)
            sizes = node.op.filtered(
                *finite, *(np.abs(winograd.as_array(m)) for m in (matrices.input, matrices.output))
            )
        else:
            (sizes,) = evaluate_node(node, [array.astype(a.dtype) for array, a in zip(finite, operands, strict=True)])
        noise = UNIT[result.dtype] * _terms(node) / MARGIN * self.generator.uniform(-1, 1, result.shape) * sizes
        return np.asarray(result + np.where(np.isfinite(noise), noise, 0.0)).astype(result.dtype)

    @np.errstate(all="ignore")
    def disturbed(self, array: Array) -> Array:
        """Floats off by about a rounding error; anything else as it is."""
        if array.dtype.kind != "f":
            return array
        factors = 1 + ROUNDING[array.dtype] * self.generator.uniform(-1, 1, array.shape)
        return np.asarray(array * factors).astype(array.dtype)


def _terms(node: Node) -> int:
    """How many rounded terms each element of a result is made of."""
    types = [operand.type for operand in node.operands]
    match node.op:
        case reduction.Reduce(axes=axes):
            return math.prod(types[0].shape[axis] for axis in axes)
        case reduction.Cumulative(axis=axis):
            return types[0].shape[axis]
        case contraction.MatMul():
            return types[0].shape[-1]
        case contraction.Conv():
            return math.prod(types[1].shape[1:])
        case winograd.WinogradConv():
            return types[1].shape[2] + 4 * filtering(node.op.outputs).size
        case pooling.Pool(window=window):
            return math.prod(window)
        case _:
            return max(types[1].elements, 1)
