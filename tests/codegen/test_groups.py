"""Fused groups: each template on regions of several ops, against the reference interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import Graph, parse_graph
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.sampling import random_array
from tests.codegen.task_kernels import load_kernel, run_kernel
from tests.codegen.test_computes import assert_close

SOFTMAX = """
graph "task" (%0 "x": f32[2,3,37]) {
  %1 = reduce_max(%0) {axes = [2]} : f32[2,3,1]
  %2 = sub(%0, %1) : f32[2,3,37]
  %3 = exp(%2) : f32[2,3,37]
  %4 = reduce_sum(%3) {axes = [2]} : f32[2,3,1]
  %5 = div(%3, %4) : f32[2,3,37]
  return %5 "y"
}
"""

LAYER_NORM = """
graph "task" (%0 "x": f32[5,6,40], %1 "scale": f32[40], %2 "shift": f32[6,40]) {
  %3 = reduce_sum(%0) {axes = [1, 2]} : f32[5,1,1]
  %4 = constant() {value = dense<f32[]: 0.004166667>} : f32[]
  %5 = mul(%3, %4) : f32[5,1,1]
  %6 = sub(%0, %5) : f32[5,6,40]
  %7 = mul(%6, %6) : f32[5,6,40]
  %8 = reduce_sum(%7) {axes = [1, 2]} : f32[5,1,1]
  %9 = mul(%8, %4) : f32[5,1,1]
  %10 = constant() {value = dense<f32[]: 1e-05>} : f32[]
  %11 = add(%9, %10) : f32[5,1,1]
  %12 = sqrt(%11) : f32[5,1,1]
  %13 = div(%6, %12) : f32[5,6,40]
  %14 = mul(%13, %1) : f32[5,6,40]
  %15 = add(%14, %2) : f32[5,6,40]
  return %15 "y", %5 "mean"
}
"""

REDUCE_WITH_BOTH_SIDES = """
graph "task" (%0 "x": f32[4,6,5,9], %1 "b": f32[6]) {
  %2 = abs(%0) : f32[4,6,5,9]
  %3 = reduce_sum(%2) {axes = [2, 3], keep = false} : f32[4,6]
  %4 = add(%3, %1) : f32[4,6]
  %5 = sqrt(%4) : f32[4,6]
  return %5 "y"
}
"""

BROADCAST_CHAIN = """
graph "task" (%0 "x": f32[1,8,7,9], %1 "s": f32[1,8,1,1], %2 "t": f32[8,1,1]) {
  %3 = mul(%0, %1) : f32[1,8,7,9]
  %4 = add(%3, %2) : f32[1,8,7,9]
  %5 = sigmoid(%4) : f32[1,8,7,9]
  %6 = mul(%4, %5) : f32[1,8,7,9]
  return %6 "y"
}
"""

AXES_OF_SIZE_1 = """
graph "task" (%0 "x": f32[1,5]) {
  %1 = reduce_sum(%0) {axes = [1]} : f32[1,1]
  %2 = sub(%0, %1) : f32[1,5]
  %3 = reduce_sum(%2) {axes = [0, 1]} : f32[1,1]
  %4 = neg(%3) : f32[1,1]
  return %4 "y"
}
"""

REGIONS = {
    "softmax": (SOFTMAX, "rows"),
    "layer_norm": (LAYER_NORM, "rows"),
    "reduce_with_both_sides": (REDUCE_WITH_BOTH_SIDES, "reduction"),
    "broadcast_chain": (BROADCAST_CHAIN, "elementwise"),
    "axes_of_size_1": (AXES_OF_SIZE_1, "rows"),
}


def region_inputs(graph: Graph) -> list[np.ndarray]:
    return [random_array(*v.type.shape, dtype=v.type.dtype, seed=i) for i, v in enumerate(graph.inputs)]


@pytest.mark.parametrize("name", REGIONS)
def test_group_equals_reference(name: str) -> None:
    text, template = REGIONS[name]
    graph = parse_graph(text)
    operands = region_inputs(graph)
    kernel = load_kernel(graph)
    assert kernel.info.template.startswith(template + "/")
    for got, want in zip(run_kernel(kernel, operands), run_graph(graph, operands), strict=True):
        assert_close(got, want)
