"""What a task is called in lists: the op that most of its work belongs to, with shapes."""

from __future__ import annotations

import pytest

from compiler.ir import Task
from compiler.model_tuner.description import describe
from tests.model_tuner.samples import MATMUL

CONV = """graph "task" (%0 "x": f32[1,32,4,4]{1:16}, %1 "w": f32[64,32,1,1]{1:16,0:64}, %2 "b": f32[1,64,1,1]{1:16}) {
  %3 = conv(%0, %1) {strides = [2, 2], low = [0, 0], high = [0, 0], dilations = [1, 1]} : f32[1,64,2,2]
  %4 = add(%3, %2) : f32[1,64,2,2]
  %5 = constant() {value = dense<f32[]: 0.0>} : f32[]
  %6 = maximum(%4, %5) : f32[1,64,2,2]
  %7 = relayout(%6) {layout = layout<{1:16}>} : f32[1,64,2,2]{1:16}
  return %7 "out0"
}
"""
RELAYOUT = """graph "task" (%0 "in0": f32[1,32,4,4]) {
  %1 = relayout(%0) {layout = layout<{1:16}>} : f32[1,32,4,4]{1:16}
  return %1 "out0"
}
"""
STEPS = "".join(f"  %{i + 1} = neg(%{i}) : f32[8]\n" for i in range(9))
CHAIN = f'graph "task" (%0 "in0": f32[8]) {{\n{STEPS}  return %9 "y"\n}}\n'
OUTSIDE = """graph "task" (%0 "in0": f32[8]) {
  %1 = twist(%0) {times = 3} : f32[8]
  return %1 "out0"
}
"""


@pytest.mark.parametrize(
    ("text", "description"),
    [
        (MATMUL, "matmul f32[64,64] f32[64,64] -> f32[64,64]"),
        (
            CONV,
            "conv f32[1,32,4,4]{1:16} f32[64,32,1,1]{1:16,0:64} stride 2x2 -> f32[1,64,2,2]{1:16} with add, maximum",
        ),
        (RELAYOUT, "relayout f32[1,32,4,4] -> f32[1,32,4,4]{1:16}"),
        (CHAIN, "neg f32[8] -> f32[8] with neg, neg, neg, neg, neg, neg, 2 more"),
        (OUTSIDE, "%1 = twist(%0) {times = 3} : f32[8]"),
    ],
)
def test_a_task_in_a_line(text: str, description: str) -> None:
    assert describe(Task(text)) == description
