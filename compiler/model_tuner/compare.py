"""An untuned and a tuned build of a model, run in turns: what tuning has gained, with a 95 % interval."""

from __future__ import annotations

import math
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.artifact import Artifact
from compiler.verification import RunError

ROUNDS = 31
RESAMPLES = 2000
LEAST = 0.99
"""A tuned build whose interval reaches below this is not shown to be as fast as the untuned one."""

_PROGRAM = """
import sys, time
import numpy as np
import runtime
first, second, rounds, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
models = [runtime.Model(path, threads=1) for path in (first, second)]
rng = np.random.default_rng(0)
def sample(spec):
    shape = tuple(rows if size is None else size for size in spec.shape)
    kind = np.dtype(spec.dtype).kind
    return rng.standard_normal(shape).astype(spec.dtype) if kind == "f" else np.zeros(shape, spec.dtype)
inputs = {name: sample(spec) for name, spec in models[0].inputs.items()}
def turn(model, runs):
    began = time.process_time()
    for _ in range(runs):
        model.run(inputs)
    return (time.process_time() - began) / runs
for model in models:
    model.run(inputs)
runs = max(1, round(0.03 / max(1e-6, turn(models[0], 1))))
for number in range(rounds):
    order = (0, 1) if number % 2 else (1, 0)
    times = {which: turn(models[which], runs) for which in order}
    print(times[0], times[1], flush=True)
"""


@dataclass(frozen=True)
class Gain:
    """How many times faster the tuned build is: the median of paired ratios, and its 95 % interval."""

    untuned: float
    tuned: float
    ratio: float
    low: float
    high: float

    @property
    def is_no_loss(self) -> bool:
        """Whether the tuned build is as fast as the untuned one, as far as measured."""
        return self.low >= LEAST

    def __str__(self) -> str:
        return (
            f"{1e3 * self.untuned:.3f} ms untuned, {1e3 * self.tuned:.3f} ms tuned:"
            f" {self.ratio:.3f}x faster (95% interval {self.low:.3f} to {self.high:.3f})"
        )


def batches_of(untuned: Artifact, tuned: Artifact) -> tuple[int, ...]:
    """The numbers of rows to compare two builds of a model on: one, and the larger of their tiles; 0 where shapes are
    fixed."""
    tiles = [one.report.optimized.inputs[0].type.shape[0] for one in (untuned, tuned) if one.manifest.is_dynamic]
    return (1, max(tiles)) if tiles else (0,)


def compare(untuned: Artifact, tuned: Artifact, rounds: int = ROUNDS, rows: int = 0) -> Gain:
    """Run both in turns, on one thread, in a process of their own; what counts is its processor time, which does not
    go on while other programs have the core. ``rows``: of a dynamic batch. Raises RunError."""
    with tempfile.TemporaryDirectory(prefix="kiln-compare-") as folder:
        paths = [artifact.save(Path(folder, name)) for name, artifact in (("untuned", untuned), ("tuned", tuned))]
        command = [sys.executable, "-c", _PROGRAM, *map(str, paths), str(rounds), str(rows)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise RunError(f"the builds cannot be compared: {said[-1] if said else f'exit status {done.returncode}'}")
    return gain_of([(float(a), float(b)) for a, b in (line.split() for line in done.stdout.splitlines())])


def gain_of(pairs: Sequence[tuple[float, float]]) -> Gain:
    """The gain from pairs of seconds, untuned and tuned, by a bootstrap of the pairs."""
    ratios = [untuned / tuned for untuned, tuned in pairs]
    rng = random.Random(0)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    low, high = medians[math.floor(0.025 * RESAMPLES)], medians[math.ceil(0.975 * RESAMPLES) - 1]
    untuned, tuned = (statistics.median(times) for times in zip(*pairs, strict=True))
    return Gain(untuned, tuned, statistics.median(ratios), low, high)
