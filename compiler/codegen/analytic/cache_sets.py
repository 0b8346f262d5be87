"""Which lines of memory share a set of the first-level data cache: what rows that lie a power of two apart suffer from.

A cache has as many places for lines of one set as it has ways. Where more than these are in use in turns, each new one
throws out one that is wanted again.
"""

from __future__ import annotations

from collections import Counter

from compiler.targets import Target


def lines_of_a_set(rows: int, stride_bytes: int, target: Target) -> int:
    """The most lines of one set among those that ``rows`` elements lie in, each ``stride_bytes`` behind the one before.
    A stride of 0 is one that is unknown: then it is 1."""
    return max(_lines_by_set(rows, stride_bytes, target).values())


def crowded_out(rows: int, stride_bytes: int, target: Target) -> int:
    """How many of these lines find no place in their sets."""
    return sum(max(0, lines - target.l1d_ways) for lines in _lines_by_set(rows, stride_bytes, target).values())


def _lines_by_set(rows: int, stride_bytes: int, target: Target) -> Counter[int]:
    lines = {row * stride_bytes // target.cache_line_bytes for row in range(rows)}
    return Counter(line % (target.l1d_way_bytes // target.cache_line_bytes) for line in lines)
