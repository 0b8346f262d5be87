"""What a model costs besides its latency: time to the first result, memory, bytes to ship.

Every figure comes from fresh processes that have done nothing else. The interpreter and numpy are part of the
time and of the memory of all engines alike; `FLOOR` is what they cost alone.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.latency import PreparedModel
from bench.peers import peer
from bench.process import Worker, WorkerFailed

REPEATS = 5
FLOOR = "python + numpy alone"

# Prints what a process that only imports numpy has taken; the same measure as the workers'.
FLOOR_PROGRAM = "import numpy; from bench.worker import peak_resident_bytes; print(peak_resident_bytes())"


@dataclass(frozen=True)
class Footprint:
    """One engine on one model: medians over fresh processes.

    `first_result_seconds` runs from before the process exists to its first result. `model_bytes` is what the
    engine loads, `runtime_bytes` the engine itself.
    """

    engine: str
    first_result_seconds: float
    load_seconds: float
    peak_bytes: int
    model_bytes: int
    runtime_bytes: int


@dataclass(frozen=True)
class FootprintTable:
    """All engines on one model with one number of threads."""

    model: str
    threads: int
    rows: tuple[Footprint, ...]
    failures: Mapping[str, str]


def footprints(model: PreparedModel, threads: int, repeats: int = REPEATS) -> FootprintTable:
    """Start every engine `repeats` times, in turns."""
    starts: dict[str, list[Worker]] = {engine: [] for engine in model.prepared}
    failures = dict(model.failures)
    for _ in range(repeats):
        for engine in model.prepared:
            try:
                with Worker(model.workload(engine, threads)) as worker:
                    starts[engine].append(worker)
            except WorkerFailed as failure:
                failures[engine] = str(failure)
    rows = [_row(engine, model.prepared[engine].path, workers) for engine, workers in starts.items() if workers]
    return FootprintTable(model.name, threads, (_floor(repeats), *rows), failures)


def total_bytes(paths: Iterable[Path]) -> int:
    """The bytes of all files among `paths`, folders with what they contain."""
    return sum(
        file.stat().st_size
        for path in paths
        for file in (path.rglob("*") if path.is_dir() else (path,))
        if file.is_file()
    )


def _row(engine: str, prepared: Path, workers: list[Worker]) -> Footprint:
    return Footprint(
        engine=engine,
        first_result_seconds=statistics.median(w.ready_seconds for w in workers),
        load_seconds=statistics.median(w.loaded.load_seconds for w in workers),
        peak_bytes=int(statistics.median(w.loaded.peak_bytes for w in workers)),
        model_bytes=total_bytes([prepared]),
        runtime_bytes=total_bytes(peer(engine).runtime_files()),
    )


def _floor(repeats: int) -> Footprint:
    seconds: list[float] = []
    peaks: list[int] = []
    for _ in range(repeats):
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", FLOOR_PROGRAM], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - begin)
        peaks.append(int(done.stdout))
    return Footprint(FLOOR, statistics.median(seconds), 0.0, int(statistics.median(peaks)), 0, 0)
