"""Distances of results from float64, of one model: Kiln's with and without Winograd's algorithm, and the peers'.

Every engine computes the same seeded inputs in a process of its own; the reference interpreter computes them in
float64. Builds are not verified against a framework here: what they are compared with is stricter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx

import compiler
from bench.accuracy.wide import wide_array, widened
from bench.isa import NATIVE, Isa
from bench.latency import SUBJECT, Prepared, PreparedModel, largest_difference, prepare
from bench.peers import Arrays
from bench.process import Worker, WorkerFailed, Workload
from compiler.codegen.plan import KernelCall, Plan
from compiler.ir import evaluate
from compiler.ir.ops.winograd import WinogradConv
from compiler.passes import PassManager
from compiler.passes.choose_layouts import ChooseLayouts

LIMIT = 1e-3
"""What Kiln's results may be off, and what Winograd's algorithm may change, relative to an output's scale."""

DIRECT = f"{SUBJECT} without winograd"
"""The name of Kiln's build that computes every convolution as sums of products."""


@dataclass(frozen=True)
class Accuracy:
    """One model. All distances are the largest of any element of any output, relative to the largest magnitude in that
    output: `errors` by engine from float64, `change` from Kiln without Winograd's algorithm to Kiln (None if one of
    them did not run). `winograd` counts kernel calls by the size of the square tiles of results that they compute."""

    model: str
    target: str
    winograd: Mapping[int, int]
    errors: Mapping[str, float]
    change: float | None
    failures: Mapping[str, str] = field(default_factory=dict)
    limit: float = LIMIT

    @property
    def is_within_limit(self) -> bool:
        """Whether Kiln is close enough to float64, and Winograd's algorithm changes little enough."""
        error = self.errors.get(SUBJECT)
        return self.change is not None and error is not None and max(self.change, error) <= self.limit


def measure_accuracy(
    name: str, model: onnx.ModelProto, peers: Sequence[str], directory: Path, isa: Isa = NATIVE
) -> Accuracy:
    """Build the model twice, run it everywhere and compare; raises BuildError and NotWidenable."""
    others = prepare(name, model, peers, directory, isa)
    exact = reference(others.source, others.inputs)
    built, winograd = _build(others, SUBJECT, winograd=True)
    direct, _ = _build(others, DIRECT, winograd=False)
    prepared = replace(others, prepared={SUBJECT: built, DIRECT: direct, **others.prepared})
    failures = dict(others.failures)
    outputs = _outputs(prepared, failures)
    return accuracy(name, isa.target, winograd, outputs, exact, failures)


def accuracy(
    name: str,
    target: str,
    winograd: Mapping[int, int],
    outputs: Mapping[str, Arrays],
    exact: Arrays,
    failures: Mapping[str, str],
) -> Accuracy:
    """What the outputs of engines say, given exact ones."""
    errors = {engine: largest_difference(found, exact) for engine, found in outputs.items()}
    both = SUBJECT in outputs and DIRECT in outputs
    change = largest_difference(outputs[SUBJECT], outputs[DIRECT]) if both else None
    return Accuracy(name, target, winograd, errors, change, failures)


def reference(source: Path, inputs: Path) -> Arrays:
    """The outputs of an ONNX file in float64 on the arrays of an .npz file; raises BuildError and NotWidenable."""
    with np.load(inputs) as archive:
        arrays = {name: wide_array(archive[name]) for name in archive.files}
    return evaluate(widened(compiler.load(source)), arrays)


def winograd_calls(plan: Plan) -> dict[int, int]:
    """How many kernel calls compute a convolution by Winograd's algorithm, by the size of their tiles."""
    regions = [call.task.graph() for call in plan.calls if isinstance(call, KernelCall)]
    counts = Counter(node.op.outputs for region in regions for node in region if isinstance(node.op, WinogradConv))
    return dict(sorted(counts.items()))


def _pipeline(winograd: bool) -> str:
    """The standard pipeline, told whether to use Winograd's algorithm."""
    passes = PassManager.parse("standard").passes
    return str(PassManager(replace(p, winograd=winograd) if isinstance(p, ChooseLayouts) else p for p in passes))


def _build(model: PreparedModel, engine: str, *, winograd: bool) -> tuple[Prepared, dict[int, int]]:
    path = model.source.parent / f"{engine}.kiln"
    with compiler.compile(model.source, model.isa.target, pipeline=_pipeline(winograd), verify=False) as artifact:
        artifact.save(path)
        report = artifact.report
    return Prepared(path, sum(report.seconds.values())), winograd_calls(report.plan)


def _outputs(model: PreparedModel, failures: dict[str, str]) -> dict[str, Arrays]:
    """What every engine gives, one process after the other; what ends one becomes its reason in `failures`."""
    outputs: dict[str, Arrays] = {}
    for name, prepared in model.prepared.items():
        engine = SUBJECT if name == DIRECT else name
        try:
            with Worker(Workload(engine, prepared.path, 1, model.inputs, model.isa.environment)) as worker:
                outputs[name] = worker.outputs()
        except WorkerFailed as failure:
            failures[name] = str(failure)
    return outputs
