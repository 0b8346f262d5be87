"""The measured process of the suite `kernels`: one artifact, run call by call, and the machine's limits in between.

    python -m bench.kernels.worker ARTIFACT PROBE.so INPUTS.npz SECONDS

It prints one line of JSON: a list of `Round`s. The limits are measured before and after every run, so that a change
of the processor's frequency falls on both.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import runtime
from bench.kernels.probe import Probe

LEAST_ROUNDS = 10


@dataclass(frozen=True)
class Round:
    """One run: the seconds of every call in the plan's order, and what the machine could do around it.

    Of the two measurements of its multiply-adds the faster counts: they are so short that an interrupt shows.
    `preemptions` is how often the system took the processor away meanwhile.
    """

    seconds: list[float]
    preemptions: int
    flops_per_second: float
    streamed_bytes_per_second: float
    cached_bytes_per_second: float


def main(arguments: list[str]) -> None:
    """Measure for so many seconds and print what was measured."""
    artifact, library, inputs_file, budget = arguments
    with np.load(inputs_file) as archive:
        inputs = {key: archive[key] for key in archive.files}
    with runtime.Model(artifact, threads=1) as model:
        rounds = list(_rounds(model, inputs, Probe(Path(library)), float(budget)))
    print(json.dumps([asdict(taken) for taken in rounds]))


def _rounds(
    model: runtime.Model, inputs: dict[str, NDArray[np.generic]], probe: Probe, budget: float
) -> Iterator[Round]:
    model.profile(inputs, runs=1)  # the first touches pages and raises the frequency
    begin, count = time.perf_counter(), 0
    while count < LEAST_ROUNDS or time.perf_counter() - begin < budget:
        streamed, cached = probe.streamed_bytes_per_second(), probe.cached_bytes_per_second()
        before, preemptions = probe.flops_per_second(), _preemptions()
        seconds = [row.total_seconds for row in model.profile(inputs, runs=1)]
        preemptions = _preemptions() - preemptions
        yield Round(seconds, preemptions, max(before, probe.flops_per_second()), streamed, cached)
        count += 1


def _preemptions() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


if __name__ == "__main__":
    main(sys.argv[1:])
