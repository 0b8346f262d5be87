"""Candidates for tests: made by the compiler, and written in C to misbehave."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path

from compiler.autotune.measure.builder import WorkerBuilder
from compiler.autotune.measure.interface import Built
from compiler.autotune.record import Status
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.space import Choice
from compiler.codegen.toolchain import find_compiler
from compiler.ir import DType, Graph, Layout, Rewriter, Task, TensorType
from compiler.ir.ops.binary import Add
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.unary import Abs, Cast
from compiler.targets import Target, resolve

HOST = resolve("host")
COUNT = 1000
"""Elements of the sum: no multiple of a vector, of a cache line or of a page."""


def cast_task(dtype: DType) -> Task:
    """Absolute values of float32 numbers as numbers of another type."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (COUNT,)))
    rewriter.output("y", rewriter.emit(Cast(dtype), rewriter.emit(Abs(), x)))
    return Task.of(graph)


def sum_task(operands: int = 2) -> Task:
    """The sum of so many float32 vectors."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    values = [rewriter.input(f"x{i}", TensorType(DType.F32, (COUNT,))) for i in range(operands)]
    total = values[0]
    for value in values[1:]:
        total = rewriter.emit(Add(), total, value)
    rewriter.output("y", total)
    return Task.of(graph)


def product_task(target: Target = HOST) -> Task:
    """A matrix product with packed weights, which has several templates and knobs."""
    block = 2 * target.lanes(4)
    graph = Graph("task")
    rewriter = Rewriter(graph)
    rows = rewriter.input("a", TensorType(DType.F32, (7, 24)))
    columns = rewriter.input("b", TensorType(DType.F32, (2 * block, 24), Layout(((0, block),))))
    rewriter.output("y", rewriter.emit(MatMul(transpose_b=True), rows, columns))
    return Task.of(graph)


def built_by_compiler(task: Task, choices: list[Choice], target: Target = HOST) -> list[Built]:
    """Candidates as the tuner builds them."""
    built = WorkerBuilder(target, cache=None, workers=1).build(task, choices)
    assert [one.status for one in built] == [Status.OK] * len(choices), [one.detail for one in built]
    return built


RIGHT = "for (int i = begin; i < end; i++) y[i] = a[i] + b[i];"
"""The body of a sum of two vectors."""


def written_in_c(body: str, *, extent: int = COUNT, scratch: int = 0, before: str = "", target: Target = HOST) -> Built:
    """A candidate for the sum of two vectors with this body, where ``a``, ``b``, ``y``, ``scratch``, ``begin`` and
    ``end`` are known."""
    digest = hashlib.sha256(f"{body}{extent}{scratch}{before}".encode()).hexdigest()[:8]
    symbol = f"k_test_{digest}"
    parameter = "char *scratch, " if scratch else ""
    text = f"""
        #include <stdint.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        {before}
        void {symbol}(const float *a, const float *b, float *y, {parameter}int32_t begin, int32_t end) {{ {body} }}
    """
    info = KernelInfo(symbol, extent, scratch, 0.0, 0.0, (), "test/1", "{}")
    return Built(
        Choice("test", (("digest", int(digest, 16)),)), 1, Status.OK, code=_compiled(text, target), info=info.to_json()
    )


@cache
def _compiled(text: str, target: Target) -> bytes:
    with tempfile.TemporaryDirectory(prefix="kiln-test-") as folder:
        return find_compiler(target).compile_text(text, Path(folder, "kernel.o"), flags=["-O1"]).read_bytes()
