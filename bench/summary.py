"""What a suite says as a whole: the best peer of every model, and the mean of what it takes longer than Kiln.

Owns the arithmetic over models; measures nothing and writes no table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.latency import SUBJECT, Comparison, Measured
from bench.timing import Ratio

AGREEMENT = 1e-2
"""Two engines are said to compute the same if their largest relative difference is at most this."""


@dataclass(frozen=True)
class BestPeer:
    """The peer of the smallest median on one model; `ratio` is its median over the subject's.

    `of_minima` is the smallest minimum of any peer over the subject's: on a busy machine the two tell whether the
    engines differ or only what they were disturbed by.
    """

    model: str
    peer: str
    peer_seconds: float
    subject_seconds: float
    ratio: Ratio
    of_minima: float


@dataclass(frozen=True)
class SuiteSummary:
    """All models with one number of threads; `left_out` says which do not count, and why. `batch` is the number of rows
    where there are several."""

    threads: int
    rows: tuple[BestPeer, ...]
    left_out: tuple[str, ...]
    batch: int | None = None

    @property
    def minimum(self) -> BestPeer | None:
        """The model on which the subject does worst."""
        return min(self.rows, key=lambda row: row.ratio.value, default=None)

    @property
    def geometric_mean(self) -> float | None:
        """The geometric mean of the ratios of all models; None without any."""
        return _geometric_mean([row.ratio.value for row in self.rows])

    @property
    def geometric_mean_of_minima(self) -> float | None:
        """The geometric mean of the ratios of smallest times; None without any."""
        return _geometric_mean([row.of_minima for row in self.rows])


def _geometric_mean(values: Sequence[float]) -> float | None:
    return float(np.exp(np.mean(np.log(values)))) if values else None


def summarize_suite(comparisons: Sequence[Comparison]) -> list[SuiteSummary]:
    """A summary per number of threads, in the order in which they were measured."""
    counts = dict.fromkeys(comparison.threads for comparison in comparisons)
    return [_summary(threads, [c for c in comparisons if c.threads == threads]) for threads in counts]


def _summary(threads: int, comparisons: Iterable[Comparison]) -> SuiteSummary:
    rows: list[BestPeer] = []
    left_out: list[str] = []
    for comparison in comparisons:
        subject = next((row for row in comparison.measured if row.engine == SUBJECT), None)
        peers = [(row, row.speedup) for row in comparison.measured if row.speedup is not None and _agrees(row)]
        if subject is None or not peers:
            left_out.append(
                f"{comparison.model} ({'no peer gave its results' if subject else f'{SUBJECT} did not run'})"
            )
            continue
        rows.append(_best(comparison.model, subject, peers))
    return SuiteSummary(threads, tuple(rows), tuple(left_out))


def _agrees(row: Measured) -> bool:
    """Whether it computed the same: an engine that does something else has no say in how long it takes."""
    return row.difference is not None and row.difference <= AGREEMENT


def _best(model: str, subject: Measured, peers: Sequence[tuple[Measured, Ratio]]) -> BestPeer:
    best, ratio = min(peers, key=lambda peer: peer[0].latency.median)
    of_minima = min(peer.latency.minimum for peer, _ in peers) / subject.latency.minimum
    return BestPeer(model, best.engine, best.latency.median, subject.latency.median, ratio, of_minima)
