"""Latency of one model in several engines that take turns, each in a fresh, pinned, warmed process."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
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
    Differences are relative to `scale`, where it is not the largest magnitude in each output.
    """

    name: str
    source: Path
    inputs: Path
    prepared: Mapping[str, Prepared]
    failures: Mapping[str, str]
    isa: Isa = NATIVE
    expected: Mapping[str, NDArray[np.generic]] | None = None
    scale: float | None = None

    def workload(self, engine: str, threads: int) -> Workload:
        """This model in one of the engines that it was prepared for."""
        return Workload(engine, self.prepared[engine].path, threads, self.inputs, self.isa.environment)


@dataclass(frozen=True)
class Entry:
    """What an engine must show of a batch before it is timed: on the first `rows` rows the results that are expected,
    up to a largest difference of `tolerance`, and such speed that a run of all takes at most `most_seconds`. `inputs`,
    an .npz file of few rows, is what processes run when they start."""

    inputs: Path
    rows: int
    tolerance: float
    most_seconds: float

    def refusal(self, worker: Worker, batch: PreparedModel) -> str | None:
        """Why the engine is not timed, None if it is; raises WorkerFailed."""
        assert batch.expected is not None
        expected = {name: value[: self.rows] for name, value in batch.expected.items()}
        outputs, seconds = worker.trial(self.rows)
        if not (difference := largest_difference(outputs, expected, batch.scale)) <= self.tolerance:
            return f"its results differ by {difference:.1e} from what is expected, more than {self.tolerance:.0e}"
        whole, tried = (len(next(iter(values.values()))) for values in (batch.expected, expected))
        if (run := seconds * whole / tried) > self.most_seconds:
            return f"a run would take about {run:.0f} s, more than the limit of {self.most_seconds:.0f}"
        return None


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
    (comparison,) = compare_batches([model], threads, effort)
    return comparison


def compare_batches(
    batches: Sequence[PreparedModel], threads: int, effort: Effort, entry: Entry | None = None
) -> Generator[Comparison, None, None]:
    """The same for several inputs of what was prepared once, which an engine loads once.

    With `entry` an engine that does not pass the examination with a batch has its reason in that comparison alone; one
    that ends has it in all that follow. Batches must then say what is expected.
    """
    if not batches:
        return
    ended = dict(batches[0].failures)
    with ExitStack() as stack:
        first = batches[0] if entry is None else replace(batches[0], inputs=entry.inputs)
        workers = _started(first, threads, ended, stack)
        for batch in batches:
            refused: dict[str, str] = {}
            for engine in workers.keys() - ended.keys():
                with _on_record(engine, ended):
                    if batch.inputs != first.inputs:
                        workers[engine].feed(batch.inputs)
                    if entry is not None and (reason := entry.refusal(workers[engine], batch)):
                        refused[engine] = reason
            able = {engine: worker for engine, worker in workers.items() if engine not in ended.keys() | refused.keys()}
            rows = _taken_turns(batch, able, ended, effort)
            yield Comparison(batch.name, threads, rows, {**ended, **refused})


def _taken_turns(
    batch: PreparedModel, workers: Mapping[str, Worker], failures: dict[str, str], effort: Effort
) -> tuple[Measured, ...]:
    """The rows of those that do not fail on the way; the others go to `failures`."""

    def turn(engine: str) -> Sequence[float]:
        if engine in failures:
            return []
        with _on_record(engine, failures):
            return workers[engine].measure(effort.turn_seconds, effort.least_runs)
        return []

    turns = take_turns({engine: partial(turn, engine) for engine in workers}, effort.turns, pause=effort.pause_seconds)
    outputs: dict[str, Mapping[str, NDArray[np.generic]]] = {}
    for engine in workers.keys() - failures.keys():
        with _on_record(engine, failures):
            workers[engine].check_processors()
            outputs[engine] = workers[engine].outputs()
    turns = {engine: samples for engine, samples in turns.items() if engine in outputs}
    loads = {engine: worker.loaded.load_seconds for engine, worker in workers.items()}
    return _rows(turns, loads, outputs, batch)


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
    batch: PreparedModel,
) -> tuple[Measured, ...]:
    def row(engine: str) -> Measured:
        is_peer = engine != SUBJECT and SUBJECT in turns
        speedup = ratio_of_medians(turns[engine], turns[SUBJECT]) if is_peer else None
        reference = batch.expected if batch.expected is not None else outputs[SUBJECT] if is_peer else None
        difference = None if reference is None else largest_difference(outputs[engine], reference, batch.scale)
        return Measured(engine, summarize(turns[engine]), loads[engine], speedup, difference)

    return tuple(row(engine) for engine in turns)


def largest_difference(
    ours: Mapping[str, NDArray[np.generic]], theirs: Mapping[str, NDArray[np.generic]], scale: float | None = None
) -> float:
    """The largest |ours - theirs| over all outputs, each relative to `scale`, or to the largest magnitude in theirs.

    An output that one side lacks, another shape or a NaN on one side only is an infinite difference.
    """
    if ours.keys() != theirs.keys():
        return float("inf")
    return max((_difference(ours[name], theirs[name], scale) for name in theirs), default=0.0)


def _difference(ours: NDArray[np.generic], theirs: NDArray[np.generic], scale: float | None) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    if scale is None:
        scale = max(float(np.abs(b[np.isfinite(b)]).max(initial=0.0)), float(np.finfo(np.float32).tiny))
    difference = float(np.abs(a[~same] - b[~same]).max())
    return float("inf") if np.isnan(difference) else float(difference / scale)
