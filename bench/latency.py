"""Latency of one model in several engines that take turns, each in a fresh, pinned, warmed process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from bench.inputs import random_inputs, save_model
from bench.isa import NATIVE, Isa
from bench.peers import MissingPeer, peer
from bench.process import Worker, WorkerFailed, Workload
from bench.timing import Ratio, Summary, Turns, ratio_of_medians, summarize, take_turns

# The engine that the others are compared with.
SUBJECT = "kiln"


@dataclass(frozen=True)
class Effort:
    """How long is measured: turns per engine, seconds and least number of runs per turn, seconds of rest before
    each."""

    turns: int = 12
    turn_seconds: float = 0.25
    pause_seconds: float = 0.05
    least_runs: int = 3


@dataclass(frozen=True)
class Measured:
    """One engine on one model: run times, the start of its process, and its distance from what is expected."""

    engine: str
    latency: Summary
    load_seconds: float
    # How many times faster the subject is than this engine; None for the subject itself and without a
    # subject.
    speedup: Ratio | None
    # Largest difference of any output from what is expected (without that, from the subject's), relative to the
    # largest magnitude in that output.
    difference: float | None


@dataclass(frozen=True)
class Comparison:
    """All engines on one model with one number of threads; what could not run stays on record."""

    model: str
    threads: int
    measured: tuple[Measured, ...]
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What an engine loads, and the seconds it took to make it (a compiler: to compile)."""

    path: Path
    seconds: float


@dataclass(frozen=True)
class PreparedModel:
    """A model on disk, with all shapes known and as every engine wants it, with one set of inputs.

    `expected` is what all engines should compute, where somebody has the say; else the subject's outputs are.
    """

    name: str
    source: Path
    inputs: Path
    prepared: Mapping[str, Prepared]
    failures: Mapping[str, str]
    isa: Isa = NATIVE
    expected: Mapping[str, NDArray[np.generic]] | None = None

    def workload(self, engine: str, threads: int) -> Workload:
        """This model in one of the engines that it was prepared for."""
        return Workload(engine, self.prepared[engine].path, threads, self.inputs, self.isa.environment)


def prepare(
    name: str, model: onnx.ModelProto, engines: Sequence[str], directory: Path, isa: Isa = NATIVE
) -> PreparedModel:
    """Write the model and its inputs below `directory` and let every engine prepare it there.

    An engine that is missing or refuses the model is recorded with its reason and left out of what follows.
    """
    source = directory / f"{name}.onnx"
    model = save_model(model, source)
    inputs = directory / f"{name}.npz"
    np.savez(inputs, allow_pickle=False, **random_inputs(model))
    prepared, failures = prepare_each(engines, lambda engine: peer(engine).prepare(source, directory, isa.target), isa)
    return PreparedModel(name, source, inputs, prepared, failures, isa)


def prepare_each(
    engines: Sequence[str], prepare_engine: Callable[[str], Path], isa: Isa
) -> tuple[dict[str, Prepared], dict[str, str]]:
    """What each engine prepares, and the reasons of those that cannot."""
    prepared: dict[str, Prepared] = {}
    failures: dict[str, str] = {}
    for engine in engines:
        if refusal := isa.refusal(engine):
            failures[engine] = refusal
            continue
        try:
            begin = time.perf_counter()
            path = prepare_engine(engine)
            prepared[engine] = Prepared(path, time.perf_counter() - begin)
        except MissingPeer as missing:
            failures[engine] = str(missing)
        except Exception as refusal:  # noqa: BLE001 - engines raise anything; all of it is reported
            failures[engine] = f"{type(refusal).__name__}: {refusal}"
    return prepared, failures


def compare(model: PreparedModel, threads: int, effort: Effort) -> Comparison:
    """Measure every prepared engine on `threads` threads, in turns; one that fails on the way is left out."""
    failures = dict(model.failures)
    with ExitStack() as stack:
        workers = _started(model, threads, failures, stack)

        def turn(engine: str) -> Sequence[float]:
            if engine in failures:
                return []
            with _on_record(engine, failures):
                return workers[engine].measure(effort.turn_seconds, effort.least_runs)
            return []

        engines = {engine: partial(turn, engine) for engine in workers}
        turns = take_turns(engines, effort.turns, pause=effort.pause_seconds)
        outputs: dict[str, Mapping[str, NDArray[np.generic]]] = {}
        for engine in engines.keys() - failures.keys():
            with _on_record(engine, failures):
                workers[engine].check_processors()
                outputs[engine] = workers[engine].outputs()
    turns = {engine: samples for engine, samples in turns.items() if engine in outputs}
    loads = {engine: worker.loaded.load_seconds for engine, worker in workers.items()}
    return Comparison(model.name, threads, _rows(turns, loads, outputs, model.expected), failures)


def _started(model: PreparedModel, threads: int, failures: dict[str, str], stack: ExitStack) -> dict[str, Worker]:
    workers: dict[str, Worker] = {}
    for engine in model.prepared:
        with _on_record(engine, failures):
            workers[engine] = stack.enter_context(Worker(model.workload(engine, threads)))
    return workers


@contextmanager
def _on_record(engine: str, failures: dict[str, str]) -> Iterator[None]:
    """What ends the engine's process becomes its reason in `failures`."""
    try:
        yield
    except WorkerFailed as failure:
        failures[engine] = str(failure)


def _rows(
    turns: Mapping[str, Turns],
    loads: Mapping[str, float],
    outputs: Mapping[str, Mapping[str, NDArray[np.generic]]],
    expected: Mapping[str, NDArray[np.generic]] | None,
) -> tuple[Measured, ...]:
    def row(engine: str) -> Measured:
        is_peer = engine != SUBJECT and SUBJECT in turns
        speedup = ratio_of_medians(turns[engine], turns[SUBJECT]) if is_peer else None
        reference = expected if expected is not None else outputs[SUBJECT] if is_peer else None
        difference = None if reference is None else largest_difference(outputs[engine], reference)
        return Measured(engine, summarize(turns[engine]), loads[engine], speedup, difference)

    return tuple(row(engine) for engine in turns)


def largest_difference(ours: Mapping[str, NDArray[np.generic]], theirs: Mapping[str, NDArray[np.generic]]) -> float:
    """The largest |ours - theirs| over all outputs, each relative to the largest magnitude in theirs.

    An output that one side lacks, another shape or a NaN on one side only is an infinite difference.
    """
    if ours.keys() != theirs.keys():
        return float("inf")
    return max((_difference(ours[name], theirs[name]) for name in theirs), default=0.0)


def _difference(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    scale = max(float(np.abs(b[np.isfinite(b)]).max(initial=0.0)), np.finfo(np.float32).tiny)
    difference = float(np.abs(a[~same] - b[~same]).max())
    return float("inf") if np.isnan(difference) else float(difference / scale)
