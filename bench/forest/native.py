"""Single rows from C: one program that opens the library of each engine, built when it is asked for."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import runtime
from bench.latency import SUBJECT, Effort, PreparedModel, largest_difference
from bench.native.programs import TIMEOUT_S, NoNativeProgram, installed_file
from bench.peers import LIGHTGBM_SUFFIX
from bench.process import available_processors
from bench.timing import Ratio, Summary, Turns, ratio_of_medians, summarize, take_turns
from compiler.codegen.toolchain import CCompiler

HEADERS = Path(runtime.__file__).parent / "c"
ROWS = 1000
"""Different rows that are given in turn, so that no branch can be learnt by heart: with 256, code with a branch per
split is up to a tenth faster."""


@dataclass(frozen=True)
class NativeRow:
    """One engine on single rows: seconds per row, and how many times faster the subject is."""

    engine: str
    latency: Summary
    speedup: Ratio | None
    difference: float
    """Largest difference from what is expected, relative to the largest magnitude."""


@dataclass(frozen=True)
class NativeRows:
    """All engines that have a program; the others with their reasons."""

    rows: tuple[NativeRow, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict[str, str])


_LIBRARIES: Mapping[str, Callable[[Path], Path]] = {
    "kiln": lambda made: made / "model.so",
    "lightgbm": lambda _: installed_file("lightgbm", "lightgbm", "lib_lightgbm.so"),
    "tl2cgen": lambda made: made,
    "xgboost": lambda _: installed_file("xgboost", "xgboost", "libxgboost.so"),
}


@dataclass(frozen=True)
class _Program:
    command: tuple[str, ...]
    seconds: float
    results: Path

    def run(self) -> Sequence[float]:
        """The seconds per row of every pass, in a fresh process on one processor; raises NoNativeProgram."""
        pinned = ("taskset", "-c", str(available_processors()[0]))
        command = [*pinned, *self.command, str(self.seconds), str(self.results)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=environment)
        if done.returncode != 0:
            raise NoNativeProgram(done.stderr.strip() or f"it ended with status {done.returncode}")
        return json.loads(done.stdout)


def native_rows(
    model: PreparedModel,
    rows: NDArray[np.float32],
    expected: NDArray[np.float32],
    c_compiler: CCompiler,
    effort: Effort,
) -> NativeRows:
    """Measure the engines of a model that was prepared for one row; `expected` is of `rows`, at most `ROWS`."""
    directory = model.inputs.parent
    program = build(c_compiler, directory)
    inputs = directory / "rows.raw"
    rows.tofile(inputs)
    outputs = expected.size // len(expected)
    number = np.dtype(np.float64 if model.source.suffix == LIGHTGBM_SUFFIX else np.float32)
    failures: dict[str, str] = {}
    programs: dict[str, _Program] = {}
    for engine in (name for name in model.prepared if name in _LIBRARIES):
        made = model.prepared[engine].path
        try:
            library = _LIBRARIES[engine](made)
        except NoNativeProgram as failure:
            failures[engine] = str(failure)
            continue
        sizes = (str(rows.shape[1]), str(outputs), str(number.itemsize), str(len(rows)))
        command = (str(program), engine, str(library), str(made), *sizes, str(inputs))
        programs[engine] = _Program(command, effort.turn_seconds, directory / f"{engine}.row.raw")

    def turn(engine: str) -> Sequence[float]:
        if engine not in failures:
            try:
                return programs[engine].run()
            except (NoNativeProgram, subprocess.TimeoutExpired) as failure:
                failures[engine] = str(failure)
        return []

    turns = take_turns({engine: partial(turn, engine) for engine in programs}, effort.turns)
    ran = {engine: measured for engine, measured in turns.items() if engine not in failures}
    found = {engine: np.fromfile(programs[engine].results, number).reshape(expected.shape) for engine in ran}
    return NativeRows(
        tuple(_row(engine, ran, largest_difference({"": found[engine]}, {"": expected})) for engine in ran), failures
    )


def _row(engine: str, turns: Mapping[str, Turns], difference: float) -> NativeRow:
    known = engine != SUBJECT and SUBJECT in turns
    speedup = ratio_of_medians(turns[engine], turns[SUBJECT]) if known else None
    return NativeRow(engine, summarize(turns[engine]), speedup, difference)


def build(c_compiler: CCompiler, directory: Path) -> Path:
    """The program; raises what `CCompiler` raises."""
    source, made = Path(__file__).with_name("forest_row.c"), directory / "forest_row.o"
    object_file = c_compiler.compile(source, made, include_dirs=(HEADERS,), flags=("-std=gnu11",))
    program = c_compiler.link_program([object_file], directory / "forest_row")
    program.chmod(0o755)
    return program
