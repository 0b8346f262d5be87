"""Cycles of kernels that multiply and add no vectors: what their loops move, and what it costs to move it.

A rough model, for kernels of few or no knobs: a kernel's operands and results, and two elements for every product or
comparison of a window, pass once through the loop that moves most per iteration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from compiler.codegen.analytic.assembly import Code, Loop
from compiler.codegen.analytic.loop_time import loop_time
from compiler.codegen.analytic.machine import streaming_cycles
from compiler.codegen.work import node_flops
from compiler.ir import Graph
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.pooling import Pool
from compiler.targets import Target

OVERLAPPED = 1 / 4
"""What is left of the time of a part that runs beside a slower one."""


@dataclass(frozen=True)
class MovingTime:
    """``loop``: the one that moves most; ``computing`` and ``traffic`` are cycles of the whole kernel."""

    loop: Loop
    computing: float
    traffic: float

    @property
    def cycles(self) -> float:
        """The slower part, and a quarter of the other."""
        return max(self.computing, self.traffic) + OVERLAPPED * min(self.computing, self.traffic)


def moving_time(region: Graph, code: Code, target: Target) -> MovingTime:
    """The model's answer for any kernel; one without loops is all code around them."""
    loop = max(code.loops, key=moved_bytes, default=code.around)
    operands = float(sum(value.type.bytes for value in (*region.inputs, *region.outputs)))
    touched = operands + sum(8 * node_flops(node) / 2 for node in region if isinstance(node.op, Conv | MatMul | Pool))
    steps = touched / max(1, moved_bytes(loop)) if code.loops else 1.0
    return MovingTime(
        loop, max(1.0, math.ceil(steps) * loop_time(loop, target).cycles), streaming_cycles(operands, target)
    )


def moved_bytes(loop: Loop) -> int:
    """Bytes that an iteration loads and stores."""
    return sum(loop.loads) + sum(loop.stores)
