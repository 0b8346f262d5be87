"""Measuring every kernel of one model: compile it, run it in a pinned process, join the times with the plan."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

import compiler
from bench.inputs import random_inputs, save_model
from bench.kernels.probe import build_probe
from bench.kernels.work import Work, plan_work
from bench.kernels.worker import LEAST_ROUNDS, Round
from bench.process import available_processors
from compiler.codegen.toolchain import find_compiler

SECONDS_PER_TURN = 1.0
"""How long a model is measured for every turn that a user asks for."""


@dataclass(frozen=True)
class Limits:
    """What the machine could do while the kernels ran: medians of its rounds."""

    flops_per_second: float
    streamed_bytes_per_second: float
    cached_bytes_per_second: float


@dataclass(frozen=True)
class Kernel:
    """One call of the plan. `of_peak` is the median, over rounds, of its rate by the machine's in that round;
    `best_of_peak` is the rate of its fastest round by the machine's best."""

    work: Work
    median_seconds: float
    best_seconds: float
    share: float
    flops_per_second: float
    of_peak: float
    best_of_peak: float


@dataclass(frozen=True)
class KernelTable:
    """All calls of one compiled model on one thread, from the `rounds` that were used of those `taken`; `interrupted`
    is how many of the used ones other programs disturbed."""

    model: str
    target: str
    lanes: int
    rounds: int
    taken: int
    interrupted: int
    limits: Limits
    kernels: tuple[Kernel, ...]
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def weighted_of_peak(self) -> float | None:
        """The part of the peak that direct convolutions and matrix products reach, weighted by their time; None without
        any."""
        counted = [kernel for kernel in self.kernels if kernel.work.is_sum_of_products]
        return _weighted([(kernel.of_peak, kernel.median_seconds) for kernel in counted])

    @property
    def weighted_best_of_peak(self) -> float | None:
        """``weighted_of_peak`` in the best round of every call."""
        counted = [kernel for kernel in self.kernels if kernel.work.is_sum_of_products]
        return _weighted([(kernel.best_of_peak, kernel.best_seconds) for kernel in counted])


def _weighted(parts: Sequence[tuple[float, float]]) -> float | None:
    """The mean of values by weights."""
    total = sum(weight for _, weight in parts)
    return sum(value * weight for value, weight in parts) / total if total else None


def measure_kernels(
    name: str, model: onnx.ModelProto, directory: Path, *, seconds: float, target: str = "host"
) -> KernelTable:
    """Compile the model and measure its kernels; raises BuildError and what the toolchain raises."""
    source, inputs, artifact = (directory / f"{name}{suffix}" for suffix in (".onnx", ".npz", ".kiln"))
    model = save_model(model, source)
    np.savez(inputs, allow_pickle=False, **random_inputs(model))
    with compiler.compile(source, target) as built:
        built.save(artifact)
        plan, built_for = built.report.plan, built.report.target
    probe = build_probe(find_compiler(built_for), directory)
    rounds = _run_worker([str(artifact), str(probe), str(inputs), str(seconds)])
    return kernel_table(name, built_for.name, built_for.lanes(4), plan_work(plan), rounds)


def _run_worker(arguments: Sequence[str]) -> list[Round]:
    pinned = ("taskset", "-c", str(available_processors()[0]))
    command = [*pinned, sys.executable, "-m", "bench.kernels.worker", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Round(**taken) for taken in json.loads(done.stdout)]


def kernel_table(model: str, target: str, lanes: int, work: Sequence[Work], rounds: Sequence[Round]) -> KernelTable:
    """What the rounds say of every call: those without preemption if there are enough, as other programs on the same
    processor are no property of a kernel."""
    taken = len(rounds)
    undisturbed = [round_ for round_ in rounds if round_.preemptions == 0]
    rounds = undisturbed if len(undisturbed) >= LEAST_ROUNDS else rounds
    interrupted = sum(round_.preemptions > 0 for round_ in rounds)
    seconds = np.maximum(np.array([round_.seconds for round_ in rounds]), 1e-9)
    peaks = np.array([round_.flops_per_second for round_ in rounds])
    medians = np.median(seconds, axis=0)
    total = float(medians.sum())
    kernels = [
        Kernel(
            work=item,
            median_seconds=float(medians[i]),
            best_seconds=float(seconds[:, i].min()),
            share=float(medians[i]) / total,
            flops_per_second=item.flops / float(medians[i]),
            of_peak=float(np.median(item.flops / seconds[:, i] / peaks)),
            best_of_peak=float(item.flops / seconds[:, i].min() / peaks.max()),
        )
        for i, item in enumerate(work)
    ]
    limits = Limits(
        float(np.median(peaks)),
        float(np.median([round_.streamed_bytes_per_second for round_ in rounds])),
        float(np.median([round_.cached_bytes_per_second for round_ in rounds])),
    )
    return KernelTable(model, target, lanes, len(rounds), taken, interrupted, limits, tuple(kernels))


def seconds_by_kind(table: KernelTable) -> dict[str, tuple[float, float]]:
    """Per kind of work its seconds and its operations, the slowest kind first; Winograd's are the direct
    algorithm's."""
    kinds: dict[str, tuple[float, float]] = {}
    for kernel in table.kernels:
        seconds, flops = kinds.get(kernel.work.kind, (0.0, 0.0))
        kinds[kernel.work.kind] = (seconds + kernel.median_seconds, flops + kernel.work.flops)
    return dict(sorted(kinds.items(), key=lambda item: -item[1][0]))
