"""`python -m bench.metaschedule.compare SPEC`: kernels of one task take turns on one processor, under TVM's timer.

SPEC is a file with a `Spec` as JSON; what is printed is a `Comparison` as JSON. All kernels get the same numbers, in
the form in which each wants them, and all results are compared with the reference interpreter's.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import tvm

from bench.kernels.probe import Probe
from bench.metaschedule.computation import Form, computation_of, plain_weights_type
from bench.metaschedule.layout_rewrite import rewritten_weights
from bench.metaschedule.records import KILN, LIBRARY, MODULE, Comparison, Spec
from bench.metaschedule.tvm_target import tvm_target
from bench.timing import take_turns
from compiler.autotune.measure.task_data import TOLERANCES, WINOGRAD_TOLERANCE
from compiler.codegen.plan.packing import pack, unpack
from compiler.ir import DType, Graph, Task
from compiler.ir.interpreter import run_graph
from compiler.ir.literal import Array
from compiler.ir.ops.winograd import WinogradConv, transformed_weights
from compiler.targets import host_target
from compiler.verification.inputs import sample_inputs

SEED = 20_26
REPEAT_MS = 4
"""How long a measurement takes: the kernel runs as often as fits."""
REPEATS = 5
"""Measurements of a turn."""


class WrongResultError(RuntimeError):
    """A kernel whose numbers differ from the reference's by more than rounding."""

    def __init__(self, name: str, difference: float, allowed: float) -> None:
        super().__init__(f"{name} differs from the reference by {difference:.2e} of the largest result, not {allowed}")


@dataclass(frozen=True)
class Kernel:
    """A kernel that can be run: ``time`` gives seconds of one run, ``result`` the logical result of the last."""

    time: Callable[[], Sequence[float]]
    result: Callable[[], Array]


def compare(spec: Spec) -> Comparison:
    """Check all kernels, then time them in turns. Raises WrongResultError."""
    region = Task(Path(spec.task).read_text()).graph()
    stored, plain = operands_of(region)
    (expected,) = run_graph(region, stored)
    kernels = {KILN: _kiln_kernel(region, stored, Path(spec.kiln))}
    for form, folder in spec.metaschedule.items():
        kernels[form] = _metaschedule_kernel(region, plain, Form(form), Path(folder))
    winograd = any(isinstance(node.op, WinogradConv) for node in region)
    differences = {name: check(name, kernel, expected, winograd=winograd) for name, kernel in kernels.items()}
    probe = Probe(Path(spec.probe))
    timers = {name: kernel.time for name, kernel in kernels.items()}
    taken = take_turns({**timers, "peak": lambda: [probe.flops_per_second()]}, spec.turns)
    peaks = [peak for turn in taken.pop("peak") for peak in turn]
    return Comparison({name: [list(turn) for turn in turns] for name, turns in taken.items()}, differences, peaks)


def check(name: str, kernel: Kernel, expected: Array, *, winograd: bool) -> float:
    """The largest difference by the largest result. Raises WrongResultError."""
    kernel.time()
    scale = float(np.abs(expected).max())
    difference = float(np.abs(kernel.result().astype(np.float64) - expected).max()) / scale
    allowed = WINOGRAD_TOLERANCE if winograd else TOLERANCES[DType.F32]
    if not difference <= allowed:
        raise WrongResultError(name, difference, allowed)
    return difference


def operands_of(region: Graph) -> tuple[list[Array], list[Array]]:
    """Logical arrays for the region, and for the convolution that it computes: they differ in the weights where those
    are transformed for Winograd's algorithm."""
    stored = list(sample_inputs(region, SEED).values())
    plain = list(stored)
    for node in region:
        if isinstance(node.op, WinogradConv):
            at = region.inputs.index(node.operands[1])
            shape = plain_weights_type(node).shape
            plain[at] = np.random.default_rng((SEED, at)).standard_normal(shape).astype(np.float32)
            stored[at] = transformed_weights(plain[at], node.op.outputs)
    return stored, plain


def _kiln_kernel(region: Graph, operands: Sequence[Array], library: Path) -> Kernel:
    result = region.outputs[0].type
    arrays = [pack(array, value.type.layout) for array, value in zip(operands, region.inputs, strict=True)]
    arrays.append(np.full(result.physical_shape, np.nan, np.float32))
    tensors = [tvm.runtime.tensor(array) for array in arrays]
    timer = _timer(tvm.runtime.load_module(str(library)), "kernel", tensors)
    return Kernel(timer, lambda: unpack(tensors[-1].numpy(), result.layout, result.shape))


def _metaschedule_kernel(region: Graph, operands: Sequence[Array], form: Form, folder: Path) -> Kernel:
    computation = computation_of(region, form)
    *inputs, result = computation.arguments
    arrays = [argument.store(array) for argument, array in zip(inputs, operands, strict=True)]
    arrays.append(np.full(result.shape, np.nan, np.float32))
    tensors = [tvm.runtime.tensor(array) for array in arrays]
    module = cast(tvm.IRModule, tvm.ir.load_json((folder / MODULE).read_text()))
    at = computation.weights
    tensors[at] = rewritten_weights(module, at, tensors[at], tvm_target(host_target()))
    timer = _timer(tvm.runtime.load_module(str(folder / LIBRARY)), "main", tensors)
    return Kernel(timer, lambda: unpack(tensors[-1].numpy(), result.layout, result.type.shape))


def _timer(module: object, function: str, tensors: Sequence[tvm.runtime.Tensor]) -> Callable[[], Sequence[float]]:
    evaluator = cast(tvm.runtime.Module, module).time_evaluator(
        function, tvm.cpu(), number=1, repeat=REPEATS, min_repeat_ms=REPEAT_MS
    )
    return lambda: [float(seconds) for seconds in evaluator(*tensors).results]


def main(arguments: list[str]) -> None:
    """Runs on the last processor that it may use."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    (path,) = arguments
    print(json.dumps(asdict(compare(Spec(**json.loads(Path(path).read_text()))))))


if __name__ == "__main__":
    main(sys.argv[1:])
