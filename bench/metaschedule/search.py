"""`python -m bench.metaschedule.search TASK FORM SEED FOLDER TRIALS`: MetaSchedule on one task, until somebody ends it.

FOLDER/ready appears when everything is imported and the search begins. Every trial is a line of FOLDER/trials.jsonl as
soon as it has run, so that whoever watches the clock may end the process at any moment. Of a trial that is the best so
far, FOLDER/best-N has the library and the scheduled module.

The settings are those that TVM's own scripts for tuning take: the rules of the target (for LLVM: inlining, tiling in
six levels with a cache for results, parallel and vectorized loops, unrolling, and layouts of constants), evolutionary
search, the XGBoost cost model, builds on all cores and runs one after the other. Two are not the default: batches are
smaller (``PER_UPDATE``), and what builds a candidate is faster (``build``).
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import time
from pathlib import Path

import cloudpickle
import tvm
from tvm.ir.utils import derived_object
from tvm.s_tir import meta_schedule as ms
from tvm.s_tir.meta_schedule.builder import BuilderInput, BuilderResult, LocalBuilder, PyBuilder
from tvm.s_tir.meta_schedule.runner import LocalRunner, PyRunner, RunnerFuture, RunnerInput

from bench.metaschedule import build
from bench.metaschedule.computation import Form, computation_of
from bench.metaschedule.intrinsics import import_intrinsics
from bench.metaschedule.records import LIBRARY, MODULE, READY, TRIALS
from bench.metaschedule.tvm_target import tvm_target
from compiler.ir import Task
from compiler.targets import Target, host_target

PER_UPDATE = 16
"""Trials that are built before any of them runs, and between two updates of the cost model. By default 64, of
which little or nothing would run in a short time."""


class Journal:
    """Writes down what becomes of trials."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = (folder / TRIALS).open("w", buffering=1)
        self._best = float("inf")
        self._count = 0
        self._modules: dict[str, tvm.IRModule] = {}

    def built(self, module: tvm.IRModule, result: BuilderResult) -> None:
        """A candidate was built, or was not, and will not run then."""
        if result.error_msg is not None:
            self._write(None, str(result.error_msg))
        else:
            self._modules[str(result.artifact_path)] = module

    def ran(self, artifact: str, seconds: list[float], error: str | None) -> None:
        """A candidate ran, or failed to."""
        self._count += 1
        module = self._modules.pop(artifact)
        if error is not None or not seconds:
            self._write(None, error or "no time")
            return
        mean = sum(seconds) / len(seconds)
        if mean >= self._best:
            self._write(mean)
            return
        self._best = mean
        place = self._folder / f"best-{self._count}"
        place.mkdir()
        shutil.copy(artifact, place / LIBRARY)
        (place / MODULE).write_text(tvm.ir.save_json(module))
        self._write(mean, place=place.name)

    def _write(self, seconds: float | None, detail: str = "", place: str = "") -> None:
        row = {"at": time.monotonic(), "seconds": seconds, "detail": detail[-2000:], "place": place}
        self._file.write(json.dumps(row) + "\n")


@derived_object
class JournalBuilder(PyBuilder):
    """The local builder, with a journal."""

    def __init__(self, inner: LocalBuilder, journal: Journal) -> None:
        super().__init__()
        self.inner = inner
        self.journal = journal

    def build(self, build_inputs: list[BuilderInput]) -> list[BuilderResult]:
        """As LocalBuilder does."""
        results = self.inner.build(build_inputs)
        for wanted, result in zip(build_inputs, results, strict=True):
            self.journal.built(wanted.mod, result)
        return results


@derived_object
class JournalRunner(PyRunner):
    """The local runner, one candidate at a time, with a journal."""

    def __init__(self, inner: LocalRunner, journal: Journal) -> None:
        super().__init__()
        self.inner = inner
        self.journal = journal

    def run(self, runner_inputs: list[RunnerInput]) -> list[RunnerFuture]:
        """As LocalRunner does, which has one process and waits for each result itself."""
        futures: list[RunnerFuture] = []
        for wanted in runner_inputs:
            (future,) = self.inner.run([wanted])
            result = future.result()
            times = [float(seconds) for seconds in result.run_secs or ()]
            self.journal.ran(str(wanted.artifact_path), times, result.error_msg)
            futures.append(future)
        return futures


def main(arguments: list[str]) -> None:
    """Ends by itself after so many trials, or when there is nothing left to try."""
    path, form, seed, place, trials = arguments
    folder = Path(place)
    computation = computation_of(Task(Path(path).read_text()).graph(), Form(form))
    target = host_target()
    import_intrinsics(target.isa)
    (folder / READY).touch()
    search(computation.function, target, int(seed), folder, int(trials))


def search(function: tvm.tirx.PrimFunc, target: Target, seed: int, folder: Path, trials: int) -> None:
    """Tune a function, with a journal in ``folder``; on the last processor kernels run, as under Kiln's tuner."""
    journal = Journal(folder)
    last = max(os.sched_getaffinity(0))
    pin = functools.partial(os.sched_setaffinity, 0, {last})
    cloudpickle.register_pickle_by_value(build)  # the processes that build import TVM only
    ms.tune_tir(
        function,
        tvm_target(target),
        str(folder / "work"),
        trials,
        num_trials_per_iter=min(PER_UPDATE, trials),
        builder=JournalBuilder(LocalBuilder(f_build=build.build), journal),  # type: ignore[arg-type]
        runner=JournalRunner(LocalRunner(initializer=pin), journal),  # type: ignore[arg-type]
        num_tuning_cores="logical",
        seed=seed,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
