"""A small network whose convolutions have several forms, and records as a session leaves them."""

from __future__ import annotations

import numpy as np

from compiler.autotune.database import Database
from compiler.autotune.session import Effort, Session
from compiler.autotune.tuning_task import TuningTask
from compiler.ir import DType, Graph, Literal, Rewriter, Task, TensorType
from compiler.ir.ops.contraction import Conv
from tests.autotune.fakes import FakeDevice, kit

MATMUL = """graph "task" (%0 "in0": f32[64,64], %1 "in1": f32[64,64]) {
  %2 = matmul(%0, %1) : f32[64,64]
  return %2 "out0"
}
"""


def network() -> Graph:
    """A 3x3 convolution and one of its pixels."""
    graph = Graph("small")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (1, 16, 12, 12)))
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal(shape).astype("f4") for shape in ((32, 16, 3, 3), (32, 32, 1, 1)))
    y = rewriter.emit(Conv((1, 1), (1, 1), (1, 1), (1, 1)), x, rewriter.constant(Literal(first)))
    z = rewriter.emit(Conv((1, 1), (0, 0), (0, 0), (1, 1)), y, rewriter.constant(Literal(second)))
    rewriter.output("z", z)
    return graph


def tuned_database() -> Database:
    """A database in memory with the records of two searches of one task, by fakes."""
    database = Database.in_memory("a database")
    task = TuningTask(Task(MATMUL), "product", 1.0, bound=1e-6, rival=1e-3)
    for search, trials in (("random", 12), ("grid", 40)):
        session = Session(kit(device=FakeDevice(), records=database, search=search), Effort(trials=trials))
        session.adopt([task])
        session.measure_defaults()
        session.search(trials)
    return database
