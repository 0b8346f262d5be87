"""A widened graph computes in float64 what float64 arithmetic says, and refuses what is about float32 itself."""

from __future__ import annotations

import numpy as np
import pytest

from bench.accuracy.wide import NotWidenable, wide_array, widened
from compiler.ir import DType, Graph, evaluate, parse_graph

NETWORK = """\
graph "net" (%0 "x": f32[2,4], %1 "n": i64[2,3]) {
  %2 = constant() {value = dense<f32[3]: 0.1, -0.7, 1.3>} : f32[3]
  %3 = broadcast(%2) {shape = [4,3]} : f32[4,3]
  %4 = matmul(%0, %3) : f32[2,3]
  %5 = cast(%1) {to = f32} : f32[2,3]
  %6 = fused(%4, %5) [
    graph "sum" (%0 "a": f32[2,3], %1 "b": f32[2,3]) {
      %2 = constant() {value = dense<f32[]: 0.3>} : f32[]
      %3 = broadcast(%2) {shape = [2,3]} : f32[2,3]
      %4 = mul(%1, %3) : f32[2,3]
      %5 = add(%0, %4) : f32[2,3]
      %6 = tanh(%5) : f32[2,3]
      return %6 "y"
    }
  ] : f32[2,3]
  return %6 "y", %1 "same"
}
"""


def test_a_widened_graph_is_float64_arithmetic() -> None:
    rng = np.random.default_rng(0)
    x, n = rng.standard_normal((2, 4)).astype(np.float32), rng.integers(0, 9, (2, 3))
    outputs = evaluate(widened(parse_graph(NETWORK)), {"x": wide_array(x), "n": wide_array(n)})
    weights = np.broadcast_to(np.array([0.1, -0.7, 1.3], np.float32).astype(np.float64), (4, 3))
    expected = np.tanh(x.astype(np.float64) @ weights + n * np.float64(np.float32(0.3)))
    assert outputs["y"].dtype == np.float64
    np.testing.assert_allclose(outputs["y"], expected, rtol=1e-14)
    np.testing.assert_array_equal(outputs["same"], n)
    narrow = evaluate(parse_graph(NETWORK), {"x": x, "n": n})["y"]
    assert 0 < np.abs(narrow - expected).max() < 1e-6, "float32 rounds where float64 does not"


def test_a_convolution_sums_in_float64() -> None:
    graph = parse_graph(
        'graph "conv" (%0 "x": f32[1,3,6,5], %1 "w": f32[2,3,3,3]) {\n'
        "%2 = conv(%0, %1) {strides = [1,1], low = [1,1], high = [1,1], dilations = [1,1]} : f32[1,2,6,5]\n"
        'return %2 "y"\n}'
    )
    rng = np.random.default_rng(1)
    x, w = (wide_array(rng.standard_normal(shape).astype(np.float32)) for shape in ((1, 3, 6, 5), (2, 3, 3, 3)))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
    expected = np.einsum("nchwkl,ockl->nohw", windows, w)
    np.testing.assert_allclose(evaluate(widened(graph), {"x": x, "w": w})["y"], expected, rtol=1e-13, atol=1e-13)


def test_the_given_graph_stays_and_none_of_float32_is_left() -> None:
    graph = parse_graph(NETWORK)
    text = str(graph)
    wide = widened(graph)
    assert str(graph) == text
    assert not _dtypes(wide) & {DType.F32}
    assert _dtypes(wide) == {DType.F64, DType.I64}


def _dtypes(graph: Graph) -> set[DType]:
    values = [*graph.inputs, *(result for node in graph for result in node.results)]
    nested = [_dtypes(region) for node in graph for region in node.regions]
    return {value.type.dtype for value in values}.union(*nested)


def test_bits_of_float32_are_refused() -> None:
    graph = parse_graph('graph "g" (%0 "x": f32[5]) {\n%1 = bitcast(%0) {to = i32} : i32[5]\nreturn %1 "y"\n}')
    with pytest.raises(NotWidenable, match=r"bitcast has no meaning in float64: .*differ in width"):
        widened(graph)
