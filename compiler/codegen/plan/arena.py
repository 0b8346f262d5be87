"""Packs buffers with lifetimes into one arena.

Greedy best fit: buffers are placed one after another, each into the tightest gap among those already placed
that are alive at the same time (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
Inference", 2020). Which order is best depends on the graph, so a few are tried and the smallest arena is
kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.codegen.plan.plan import align


@dataclass(frozen=True)
class Interval:
    """``bytes`` that are needed from step ``first`` to step ``last``, both included."""

    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Packing:
    """One offset per interval, and the size of the arena that they take."""

    offsets: tuple[int, ...]
    bytes: int


_ORDERS: tuple[Callable[[Interval], tuple[int, ...]], ...] = (
    lambda i: (-i.bytes, i.first),
    lambda i: (-i.bytes * (i.last - i.first + 1), i.first),
    lambda i: (-(i.last - i.first), -i.bytes),
)


def pack_arena(intervals: Sequence[Interval]) -> Packing:
    """Offsets, multiples of ``ALIGNMENT``, such that no two intervals that overlap in time overlap in
    memory."""
    bound = live_bytes(intervals)
    best: Packing | None = None
    for order in _ORDERS:
        packing = _place(intervals, sorted(range(len(intervals)), key=lambda i: order(intervals[i])))
        if best is None or packing.bytes < best.bytes:
            best = packing
        if best.bytes == bound:
            break
    assert best is not None
    return best


def live_bytes(intervals: Sequence[Interval]) -> int:
    """The most (aligned) bytes that are alive at one step: a lower bound of any packing."""
    changes: dict[int, int] = {}
    for interval in intervals:
        size = align(interval.bytes)
        changes[interval.first] = changes.get(interval.first, 0) + size
        changes[interval.last + 1] = changes.get(interval.last + 1, 0) - size
    live = most = 0
    for step in sorted(changes):
        live += changes[step]
        most = max(most, live)
    return most


def _place(intervals: Sequence[Interval], order: Sequence[int]) -> Packing:
    first = np.array([interval.first for interval in intervals], np.int64)
    last = np.array([interval.last for interval in intervals], np.int64)
    sizes = np.array([align(interval.bytes) for interval in intervals], np.int64)
    offsets = np.zeros(len(intervals), np.int64)
    placed = np.zeros(len(intervals), np.bool_)
    for index in order:
        alive = placed & (first <= last[index]) & (last >= first[index]) & (sizes > 0)
        starts = offsets[alive]
        by_start = np.argsort(starts, kind="stable")
        offsets[index] = _best_gap(starts[by_start], sizes[alive][by_start], int(sizes[index]))
        placed[index] = True
    total = int((offsets + sizes).max(initial=0))
    return Packing(tuple(int(offset) for offset in offsets), total)


def _best_gap(starts: np.ndarray, sizes: np.ndarray, size: int) -> int:
    """The start of the smallest gap between taken ranges (sorted by start) that holds ``size``, else the
    end."""
    ends = np.maximum.accumulate(np.concatenate([[0], starts + sizes]))
    gaps = starts - ends[:-1]
    fitting = np.flatnonzero(gaps >= size)
    if size == 0 or fitting.size == 0:
        return 0 if size == 0 else int(ends[-1])
    return int(ends[fitting[np.argmin(gaps[fitting])]])
