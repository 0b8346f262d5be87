"""Times of all points of a space on this machine, by what the tuner measures with."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.autotune.measure.device import KernelDevice
from compiler.autotune.measure.interface import Built, Device, Incumbent
from compiler.autotune.measure.protocol import Limits
from compiler.autotune.measure.transport import transport_for
from compiler.autotune.record import Status
from compiler.ir import Task
from compiler.targets import Target

BATCH = 100
"""Candidates of one library."""

LIMITS = Limits(turns=8, hopeless=8.0)
"""Limits of one pass: few turns, since there are many passes; and no candidate is given up, since slow points teach
something too."""


@dataclass(frozen=True)
class Effort:
    """``passes`` over all points, each in another order, so that drift hits all alike; the fastest part of them,
    ``again``, is measured ``more`` times."""

    passes: int = 5
    again: float = 0.1
    more: int = 10


def local_device(target: Target, cache: Path) -> KernelDevice:
    """This machine, for short and frequent measurements."""
    return KernelDevice(target, transport_for(""), cache, LIMITS)


def measure_all(
    task: Task, candidates: Sequence[Built], device: Device, effort: Effort, seed: int = 0
) -> list[float | None]:
    """The seconds of each candidate as the median of its passes, each of which is relative to the first candidate, the
    default, which runs beside all others. None for what was not built or ran wrong.

    Raises DeviceLostError, and ValueError when the default itself does not run.
    """
    (alone,) = device.measure(task, candidates[:1], None)
    if alone.seconds is None:
        raise ValueError(f"the default {candidates[0].choice} is {alone.status}: {alone.detail}")
    incumbent = Incumbent(candidates[0], alone.seconds)
    generator = random.Random(seed)
    times: list[list[float]] = [[] for _ in candidates]
    left = [number for number, candidate in enumerate(candidates) if candidate.status is Status.OK]
    for number in range(effort.passes + effort.more):
        if number == effort.passes:
            left = _fastest(times, left, effort.again)
        generator.shuffle(left)
        for start in range(0, len(left), BATCH):
            numbers = left[start : start + BATCH]
            measured = device.measure(task, [candidates[n] for n in numbers], incumbent)
            for n, result in zip(numbers, measured, strict=True):
                if result.seconds is not None:
                    times[n].append(result.seconds)
        left = [n for n in left if times[n]]
    return [statistics.median(taken) if taken else None for taken in times]


def _fastest(times: Sequence[Sequence[float]], numbers: Sequence[int], part: float) -> list[int]:
    """The default, and the fastest part of the others."""
    ranked = sorted(numbers, key=lambda number: statistics.median(times[number]))
    return list(dict.fromkeys([0, *ranked[: max(1, int(len(ranked) * part))]]))
