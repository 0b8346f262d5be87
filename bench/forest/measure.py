"""What is measured of a forest: every batch in every engine, single rows from C, builds and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.footprint import total_bytes
from bench.forest.bound import Core, seconds_per_row
from bench.forest.expected import expected, kept_expected
from bench.forest.kept import prepare_or_keep
from bench.forest.native import ROWS, NativeRows, native_rows
from bench.forest.source import read_forest
from bench.isa import NATIVE, Isa
from bench.kernels.probe import Probe, build_probe
from bench.latency import SUBJECT, Comparison, Effort, Entry, Prepared, PreparedModel, compare_batches
from bench.models.forests import ForestModel
from bench.peers import DATA, PREDICTION, ForestFile, forest_peer
from bench.peers.child import TIMEOUT_S
from compiler.codegen.toolchain import CCompiler, find_compiler
from compiler.ir.forest import Profile, profile_of
from compiler.targets import resolve

BATCHES = (1, 64, 1_000, 10_000, 100_000)
MOST_BYTES = 512 << 20
"""Size of an input; a larger batch is left out."""
SAMPLE_ROWS = 10_000
"""What an engine may look at when it prepares."""

TOLERANCE = 1e-4
"""Largest difference from the framework's results, relative to the largest of them; an engine that differs more is not
timed."""
CHECKED_ROWS = 1_000
"""Rows of each batch that are checked, and timed, before all of it is."""
RUN_LIMIT_S = 10
"""What one run of a batch may take by default, so that the turns of a slow engine do not last for an hour."""
STREAMS = 8
"""Measurements of the memory's bandwidth, of which the best counts."""
_LOADS_PER_CYCLE = {"x86_64": 2, "aarch64": 2, "arm": 1}


@dataclass(frozen=True)
class Plan:
    """What is measured of every model, and how.

    `counts` are numbers of threads; `build_limit` and `run_limit` the seconds that a peer may take to make what it
    loads and for one batch; peers' builds stay in `keep`, if any.
    """

    engines: Sequence[str]
    counts: Sequence[int]
    batches: Sequence[int] = BATCHES
    isa: Isa = NATIVE
    turns: int = Effort.turns
    keep: Path | None = None
    build_limit: float = TIMEOUT_S
    run_limit: float = RUN_LIMIT_S

    def folder(self, model: ForestModel) -> Path | None:
        """Where what is made of a model is kept."""
        return self.keep / model.name if self.keep else None


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
    bound_seconds: float
    """The least seconds that the whole batch takes."""
    comparison: Comparison


@dataclass(frozen=True)
class ForestTable:
    """A model with one number of threads; `left_out` are batches."""

    model: str
    threads: int
    source_bytes: int
    profile: Profile
    core: Core
    builds: tuple[Build, ...]
    refused: Mapping[str, str]
    """Engines that do not run the model."""
    batches: tuple[ForestBatch, ...]
    single_rows: NativeRows
    left_out: tuple[str, ...] = ()

    @property
    def engines(self) -> list[str]:
        """The engines that were to run."""
        return [*(build.engine for build in self.builds), *self.refused]

    @property
    def failures(self) -> dict[str, str]:
        """What did not run, in batches or from C, with its reason."""
        parts = [self.refused, *(batch.comparison.failures for batch in self.batches), self.single_rows.failures]
        return {engine: reason for part in parts for engine, reason in part.items()}


def measure_forest(
    model: ForestModel, plan: Plan, directory: Path, say: Callable[[str], None]
) -> Iterator[ForestTable]:
    """A table per number of threads. An engine that fails at a batch is on record there; `say` hears how far it is."""
    c_compiler = find_compiler(resolve(plan.isa.target))
    core = measured_core(c_compiler, directory)
    profile = profile_of(read_forest(model.path).forest)
    features = model.rows(1).shape[1]
    fitting = [rows for rows in plan.batches if 4 * rows * features <= MOST_BYTES]
    left_out = tuple(
        f"{rows:,} rows are more than {MOST_BYTES >> 20} MiB" for rows in plan.batches if rows not in fitting
    )
    prepared, refused = _prepared(model, features, plan, directory, say)
    common = PreparedModel(model.name, model.path, directory, prepared, refused, plan.isa)
    batches = _batches(model, fitting, common, plan.folder(model))
    effort = Effort(turns=plan.turns, least_runs=1)
    entry = Entry(_saved(directory / "row.npz", model.rows(1)), CHECKED_ROWS, TOLERANCE, plan.run_limit)
    size = model.path.stat().st_size
    for threads in plan.counts:
        single = NativeRows()
        if threads == 1 and 1 in batches:
            say(f"{model.name}: single rows from C")
            rows = model.rows(ROWS)
            single = native_rows(batches[1], rows, expected(model.path, rows), c_compiler, effort)
        measured: list[ForestBatch] = []
        with closing(compare_batches(list(batches.values()), threads, effort, entry)) as comparisons:
            for rows in batches:
                say(f"{model.name}: {rows:,} row{'s' * (rows > 1)}, {threads} thread{'s' * (threads > 1)}")
                bound = rows * seconds_per_row(profile, core, rows, threads)
                measured.append(ForestBatch(rows, bound, next(comparisons)))
        yield ForestTable(
            model.name, threads, size, profile, core, _builds(prepared), refused, tuple(measured), single, left_out
        )


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
    model: ForestModel, features: int, plan: Plan, directory: Path, say: Callable[[str], None]
) -> tuple[dict[str, Prepared], dict[str, str]]:
    """What every engine loads, and the reasons of those that do not run the model."""
    file = ForestFile(model.path, features, _saved(directory / "sample.npz", model.rows(SAMPLE_ROWS)), plan.build_limit)
    folder = plan.folder(model)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)

    def prepare(engine: str) -> Path:
        place = directory if folder is None or engine == SUBJECT else folder
        return forest_peer(engine).prepare_forest(file, place, plan.isa.target)

    prepared: dict[str, Prepared] = {}
    refused: dict[str, str] = {}
    for engine in plan.engines:
        say(f"{model.name}: {engine} prepares it")
        made = prepare_or_keep(engine, prepare, plan.isa, folder, model.path, plan.build_limit)
        if isinstance(made, Prepared):
            prepared[engine] = made
        else:
            refused[engine] = made
    return prepared, refused


def _batches(
    model: ForestModel, counts: Sequence[int], common: PreparedModel, folder: Path | None
) -> dict[int, PreparedModel]:
    """By the number of rows; `common` is what they share, and its inputs the folder for theirs.

    Differences are relative to the results of many rows: that of a single one may be close to zero.
    """
    scale = float(np.abs(expected(model.path, model.rows(CHECKED_ROWS))).max(initial=np.finfo(np.float32).tiny))
    found: dict[int, PreparedModel] = {}
    for count in counts:
        rows = model.rows(count)
        found[count] = replace(
            common,
            name=f"{model.name}, {count:,} row{'s' * (count > 1)}",
            inputs=_saved(common.inputs / f"{model.name}.{count}.npz", rows),
            expected={PREDICTION: kept_expected(model.path, rows, folder)},
            scale=scale,
        )
    return found


def _saved(path: Path, rows: NDArray[np.float32]) -> Path:
    np.savez(path, allow_pickle=False, **{DATA: rows})
    return path


def _builds(prepared: Mapping[str, Prepared]) -> tuple[Build, ...]:
    return tuple(Build(engine, made.seconds, total_bytes([made.path])) for engine, made in prepared.items())
