"""What a model costs besides its latency: time to the first result, memory, bytes to ship.

Every figure comes from fresh processes that have done nothing else, in turns. From C, nothing but the engine and the
model is in the process. From Python, the interpreter and numpy are part of the time and of the memory of all engines
alike; `FLOOR` is what they cost alone.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from bench.latency import SUBJECT, PreparedModel, largest_difference
from bench.native.programs import FirstResult, FloatModel, NoNativeProgram, Program, build_program
from bench.peers import peer
from bench.process import Worker, WorkerFailed, available_processors
from compiler.codegen.toolchain import ToolchainError, find_compiler
from compiler.targets import resolve

REPEATS = 5
FLOOR = "python + numpy alone"

# Prints what a process that only imports numpy has taken; the same measures as the workers'.
FLOOR_PROGRAM = (
    "import numpy; from bench.worker import peak_resident_bytes, private_bytes;"
    " print([peak_resident_bytes(), private_bytes()])"
)


@dataclass(frozen=True)
class Footprint:
    """One engine on one model from Python: medians over fresh processes.

    `first_result_seconds` runs from before the process exists to its first result. `model_bytes` is what the
    engine loads, `runtime_bytes` the engine itself.
    """

    engine: str
    first_result_seconds: float
    load_seconds: float
    peak_bytes: int
    private_bytes: int
    model_bytes: int
    runtime_bytes: int


@dataclass(frozen=True)
class NativeFootprint:
    """One engine on one model from C: medians over fresh processes.

    `beyond_weights` is the memory that only the process has, less the model's weights as they are in float32: pages of
    a mapped file count while nobody else maps it, so that weights are in the sum whether an engine maps or copies them.
    `difference` is that of the result from the subject's, relative to its largest element.
    """

    engine: str
    first_result_seconds: float
    load_seconds: float
    beyond_weights: int
    difference: float | None


@dataclass(frozen=True)
class FootprintTable:
    """All engines on one model with one number of threads, from C where they have a program, and from Python."""

    model: str
    threads: int
    weight_bytes: int
    native: tuple[NativeFootprint, ...]
    rows: tuple[Footprint, ...]
    failures: Mapping[str, str]
    native_failures: Mapping[str, str] = field(default_factory=dict)


def footprints(model: PreparedModel, threads: int, repeats: int = REPEATS) -> FootprintTable:
    """Start every engine `repeats` times, in turns."""
    failures, native_failures = dict(model.failures), {}
    weight_bytes = _weight_bytes(model.source)
    native = _native_rows(model, threads, repeats, weight_bytes, native_failures)
    rows = _python_rows(model, threads, repeats, failures)
    return FootprintTable(model.name, threads, weight_bytes, tuple(native), tuple(rows), failures, native_failures)


def total_bytes(paths: Iterable[Path]) -> int:
    """The bytes of all files among `paths`, folders with what they contain."""
    return sum(
        file.stat().st_size
        for path in paths
        for file in (path.rglob("*") if path.is_dir() else (path,))
        if file.is_file()
    )


def _weight_bytes(source: Path) -> int:
    """The bytes of all stored float32 values."""
    stored = onnx.load(source).graph.initializer
    return sum(numpy_helper.to_array(t).nbytes for t in stored if t.data_type == TensorProto.FLOAT)


def _native_rows(
    model: PreparedModel, threads: int, repeats: int, weight_bytes: int, failures: dict[str, str]
) -> list[NativeFootprint]:
    programs = _programs(model, threads, failures)
    processors = set(available_processors()[:threads])
    runs: dict[str, list[FirstResult]] = {engine: [] for engine in programs}
    for _ in range(repeats + 1):
        for engine, program in programs.items():
            if engine in failures:
                continue
            try:
                runs[engine].append(program.run(processors, model.isa.environment))
            except (NoNativeProgram, subprocess.TimeoutExpired) as failure:
                failures[engine] = str(failure)
    ran = [engine for engine in programs if engine not in failures]
    results = {engine: programs[engine].result() for engine in ran}

    def row(engine: str) -> NativeFootprint:
        counted = runs[engine][1:]  # the first reads the files from the disk
        difference = None
        if engine != SUBJECT and SUBJECT in results:
            difference = largest_difference({"": results[SUBJECT]}, {"": results[engine]})
        return NativeFootprint(
            engine,
            statistics.median(run.first_result_seconds for run in counted),
            statistics.median(run.load_seconds for run in counted),
            int(statistics.median(run.private_bytes for run in counted)) - weight_bytes,
            difference,
        )

    return [row(engine) for engine in ran]


def _programs(model: PreparedModel, threads: int, failures: dict[str, str]) -> dict[str, Program]:
    programs: dict[str, Program] = {}
    for engine, prepared in model.prepared.items():
        try:
            c_compiler = find_compiler(resolve("host"))
            directory = model.source.parent
            around = _float_model(model)
            programs[engine] = build_program(engine, prepared.path, around, threads, c_compiler, directory)
        except (NoNativeProgram, ToolchainError) as failure:
            failures[engine] = str(failure)
    return programs


def _float_model(model: PreparedModel) -> FloatModel:
    """The input and output that the C programs can take; raises NoNativeProgram for any other model."""
    outputs = onnx.load(model.source, load_external_data=False).graph.output
    with np.load(model.inputs) as archive:
        inputs = {name: archive[name] for name in archive.files}
    elements = [output.type.tensor_type.elem_type for output in outputs]
    if elements != [TensorProto.FLOAT] or [value.dtype.name for value in inputs.values()] != ["float32"]:
        raise NoNativeProgram("the C programs are for models with one input and one output of float32")
    [(name, value)] = inputs.items()
    return FloatModel(name, outputs[0].name, value)


def _python_rows(model: PreparedModel, threads: int, repeats: int, failures: dict[str, str]) -> list[Footprint]:
    starts: dict[str, list[Worker]] = {engine: [] for engine in model.prepared}
    floors: list[Footprint] = []
    for _ in range(repeats):
        floors.append(_floor(threads))
        for engine in [engine for engine in model.prepared if engine not in failures]:
            try:
                with Worker(model.workload(engine, threads)) as worker:
                    starts[engine].append(worker)
            except WorkerFailed as failure:
                failures[engine] = str(failure)
    ran = [engine for engine in starts if engine not in failures]
    return [_middle(floors), *(_row(engine, model.prepared[engine].path, starts[engine]) for engine in ran)]


def _row(engine: str, prepared: Path, workers: Sequence[Worker]) -> Footprint:
    sizes = total_bytes([prepared]), total_bytes(peer(engine).runtime_files())

    def start(worker: Worker) -> Footprint:
        loaded = worker.loaded
        memory = loaded.peak_bytes, loaded.private_bytes
        return Footprint(engine, worker.ready_seconds, loaded.load_seconds, *memory, *sizes)

    return _middle([start(worker) for worker in workers])


def _middle(measured: Sequence[Footprint]) -> Footprint:
    """The median of every figure."""
    return Footprint(
        measured[0].engine,
        statistics.median(m.first_result_seconds for m in measured),
        statistics.median(m.load_seconds for m in measured),
        int(statistics.median(m.peak_bytes for m in measured)),
        int(statistics.median(m.private_bytes for m in measured)),
        measured[0].model_bytes,
        measured[0].runtime_bytes,
    )


def _floor(threads: int) -> Footprint:
    pinned = ("taskset", "-c", ",".join(map(str, available_processors()[:threads])))
    command = [*pinned, sys.executable, "-c", FLOOR_PROGRAM]
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begin
    peak, private = json.loads(done.stdout)
    return Footprint(FLOOR, seconds, 0.0, peak, private, 0, 0)
