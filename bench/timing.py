"""Statistics of run times: summaries, and the ratio of two engines that took turns, with its spread.

Times are in seconds. A *turn* is what one engine measured between two turns of the others, so that a slow
phase of the machine falls on all of them. Owns arithmetic and the order of turns; starts no process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# One engine's measurements: per turn, the time of every run in it.
Turns = Sequence[Sequence[float]]

CONFIDENCE = 0.95
RESAMPLES = 2000
LEAST_RUNS = 3
"""A turn has at least this many runs, however long they take."""


@dataclass(frozen=True)
class Summary:
    """Order statistics of run times, in seconds."""

    median: float
    minimum: float
    lower_quartile: float
    upper_quartile: float
    runs: int

    @property
    def interquartile_range(self) -> float:
        """The width of the middle half."""
        return self.upper_quartile - self.lower_quartile


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f}x [{self.low:.2f}, {self.high:.2f}]"


class NoSamples(ValueError):
    """Statistics of nothing were asked for."""

    def __init__(self) -> None:
        super().__init__("no run was measured")


def summarize(turns: Turns) -> Summary:
    """The summary over all runs of all turns; raises NoSamples if there is none."""
    samples = np.array([t for turn in turns for t in turn], np.float64)
    if samples.size == 0:
        raise NoSamples
    low, middle, high = (float(q) for q in np.quantile(samples, (0.25, 0.5, 0.75)))
    return Summary(middle, float(samples.min()), low, high, samples.size)


def ratio_of_medians(numerator: Turns, denominator: Turns, *, seed: int = 0) -> Ratio:
    """median(numerator) / median(denominator) for engines that took turns; raises NoSamples.

    The interval resamples whole turns, the same ones for both (paired percentile bootstrap, Efron and
    Tibshirani 1993): runs within a turn are not independent, and what disturbs a turn disturbs its neighbour
    too.
    """
    value = summarize(numerator).median / summarize(denominator).median
    pairs = min(len(numerator), len(denominator))
    above = np.array([np.median(turn) for turn in numerator[:pairs]])
    below = np.array([np.median(turn) for turn in denominator[:pairs]])
    chosen = np.random.default_rng(seed).integers(0, pairs, (RESAMPLES, pairs))
    resampled = np.median(above[chosen], axis=1) / np.median(below[chosen], axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(q) for q in np.quantile(resampled, (tail, 1 - tail)))
    return Ratio(value, min(low, value), max(high, value))


def take_turns(
    engines: Mapping[str, Callable[[], Sequence[float]]], turns: int, *, pause: float = 0.0
) -> dict[str, list[Sequence[float]]]:
    """Let every engine measure once per turn, A B C A B C ..., and collect what each returns.

    A first turn warms up caches, clocks and thread pools and is thrown away. `pause` seconds pass before
    every measurement, so that the idle threads of the engine before have gone to sleep.
    """
    measured: dict[str, list[Sequence[float]]] = {name: [] for name in engines}
    for turn in range(turns + 1):
        for name, measure in engines.items():
            time.sleep(pause)
            samples = measure()
            if turn > 0:
                measured[name].append(samples)
    return measured


def timed_runs(
    run: Callable[[], object],
    budget: float,
    *,
    least: int = LEAST_RUNS,
    before: Callable[[], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """The time of each run, for `budget` seconds and at least `least` runs; that of `before` it does not count as its
    own."""
    samples: list[float] = []
    begin = clock()
    while len(samples) < least or clock() - begin < budget:
        if before is not None:
            before()
        start = clock()
        run()
        samples.append(clock() - start)
    return samples
