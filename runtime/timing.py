"""Timing a model on this machine: repeated runs, and the statistics of their durations."""

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

from runtime.model import Model
from runtime.progress import ProgressBar
from runtime.tensors import Array

_WARM_UP_RUNS = 3


@dataclass(frozen=True)
class Timing:
    """Durations of `runs` runs, in seconds."""

    runs: int
    median: float
    best: float
    p95: float


def time_runs(model: Model, inputs: Mapping[str, Array], seconds: float, min_runs: int = 10) -> Timing:
    """Run on `inputs`, into outputs that are allocated once, for `seconds`, at least `min_runs` times."""
    outputs = model.run(inputs)
    for _ in range(_WARM_UP_RUNS - 1):
        model.run(inputs, outputs)
    durations: list[float] = []
    start = now = time.perf_counter()
    with ProgressBar("timing") as bar:
        while len(durations) < min_runs or now - start < seconds:
            before = time.perf_counter()
            model.run(inputs, outputs)
            now = time.perf_counter()
            durations.append(now - before)
            bar.update(min(len(durations) / min_runs, (now - start) / seconds))
    durations.sort()
    return Timing(
        len(durations),
        statistics.median(durations),
        durations[0],
        durations[int(0.95 * (len(durations) - 1))],
    )
