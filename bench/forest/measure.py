"""What is measured of a forest: every batch in every engine, single rows from C, builds and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.footprint import total_bytes
from bench.forest.bound import Core, seconds_per_row
from bench.forest.expected import expected
from bench.forest.native import ROWS, NativeRows, native_rows
from bench.forest.source import read_forest
from bench.isa import Isa
from bench.kernels.probe import Probe, build_probe
from bench.latency import Comparison, Effort, Prepared, PreparedModel, compare, prepare_each
from bench.models.forests import ForestModel
from bench.peers import DATA, LIGHTGBM_SUFFIX, PREDICTION, ForestFile, forest_peer
from compiler.codegen.toolchain import CCompiler, find_compiler
from compiler.ir.forest import Profile, profile_of
from compiler.targets import resolve

BATCHES = (1, 64, 1_000, 10_000, 100_000)
MOST_BYTES = 512 << 20
"""Of an input; a larger batch is left out."""
SAMPLE_ROWS = 10_000
"""What an engine may look at when it prepares."""

STREAMS = 8
"""Measurements of the memory's bandwidth, of which the best counts."""
_LOADS_PER_CYCLE = {"x86_64": 2, "aarch64": 2, "arm": 1}


@dataclass(frozen=True)
class Build:
    """What one engine made of the model: seconds it took, and bytes of what it loads."""

    engine: str
    seconds: float
    model_bytes: int


@dataclass(frozen=True)
class ForestBatch:
    """All engines on batches of so many rows."""

    rows: int
    bound_seconds: float | None
    """Of the whole batch; None where the model is not one that is known to the bound."""
    comparison: Comparison


@dataclass(frozen=True)
class ForestTable:
    """A model with one number of threads. `builds` are those for the smallest batch; `left_out` are batches."""

    model: str
    threads: int
    source_bytes: int
    profile: Profile | None
    core: Core
    builds: tuple[Build, ...]
    batches: tuple[ForestBatch, ...]
    single_rows: NativeRows
    left_out: tuple[str, ...] = ()

    @property
    def failures(self) -> dict[str, str]:
        """What did not run, in batches or from C, with its reason."""
        parts = [*(batch.comparison.failures for batch in self.batches), self.single_rows.failures]
        return {engine: reason for part in parts for engine, reason in part.items()}


def measure_forest(
    model: ForestModel,
    engines: Sequence[str],
    counts: Sequence[int],
    batches: Sequence[int],
    directory: Path,
    isa: Isa,
    turns: int,
) -> Iterator[ForestTable]:
    """A table per number of threads in `counts`. An engine that fails at a batch is on record there."""
    c_compiler = find_compiler(resolve(isa.target))
    core = measured_core(c_compiler, directory)
    profile = None if model.path.suffix == LIGHTGBM_SUFFIX else profile_of(read_forest(model.path).forest)
    features = model.rows(1).shape[1]
    fitting = [rows for rows in batches if 4 * rows * features <= MOST_BYTES]
    left_out = tuple(f"{rows} rows are more than {MOST_BYTES >> 20} MiB" for rows in batches if rows not in fitting)
    prepared = _prepared(model, features, engines, fitting, directory, isa)
    effort = Effort(turns=turns, least_runs=1)
    builds = _builds(next(iter(prepared.values())).prepared) if prepared else ()
    size = model.path.stat().st_size
    for threads in counts:
        single = NativeRows()
        if threads == 1 and 1 in prepared:
            rows = model.rows(ROWS)
            single = native_rows(prepared[1], rows, expected(model.path, rows), c_compiler, effort)
        measured = tuple(
            ForestBatch(
                rows,
                None if profile is None else rows * seconds_per_row(profile, core, rows, threads),
                compare(one, threads, effort),
            )
            for rows, one in prepared.items()
        )
        yield ForestTable(model.name, threads, size, profile, core, builds, measured, single, left_out)


def measured_core(c_compiler: CCompiler, directory: Path) -> Core:
    """This machine's core; raises what the compiler raises."""
    target = c_compiler.target
    probe = Probe(build_probe(c_compiler, directory))
    return Core(
        hertz=probe.hertz(),
        loads_per_cycle=_LOADS_PER_CYCLE[target.isa],
        vector_bytes=target.vector_bytes,
        memory_bytes_per_second=max(probe.streamed_bytes_per_second() for _ in range(STREAMS)),
    )


def _prepared(
    model: ForestModel, features: int, engines: Sequence[str], batches: Sequence[int], directory: Path, isa: Isa
) -> dict[int, PreparedModel]:
    """By the number of rows."""
    sample = _saved(directory / "sample.npz", model.rows(SAMPLE_ROWS))

    def prepare(engine: str) -> Path:
        file = ForestFile(model.path, features, sample)
        return forest_peer(engine).prepare_forest(file, directory, isa.target)

    prepared, failures = prepare_each(engines, prepare, isa)
    found: dict[int, PreparedModel] = {}
    for count in batches:
        rows = model.rows(count)
        found[count] = PreparedModel(
            name=f"{model.name}, {count} row{'s' * (count > 1)}",
            source=model.path,
            inputs=_saved(directory / f"{model.name}.{count}.npz", rows),
            prepared=prepared,
            failures=failures,
            isa=isa,
            expected={PREDICTION: expected(model.path, rows)},
        )
    return found


def _saved(path: Path, rows: NDArray[np.float32]) -> Path:
    np.savez(path, allow_pickle=False, **{DATA: rows})
    return path


def _builds(prepared: Mapping[str, Prepared]) -> tuple[Build, ...]:
    return tuple(Build(engine, made.seconds, total_bytes([made.path])) for engine, made in prepared.items())
