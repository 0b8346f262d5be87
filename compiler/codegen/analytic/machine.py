"""How fast a core moves data and multiplies, in bytes and vectors per cycle, from what a target says of itself.

Sustained figures of in-order streams, measured on servers and taken from manuals for the rest; they weigh one choice
against another, and predict no time to better than a third.
"""

from __future__ import annotations

from compiler.targets import Target

HERTZ = 2.5e9
"""A clock for all targets: only ratios matter."""


def near_bytes_per_cycle(target: Target) -> float:
    """From the second-level cache: a quarter of a line."""
    return target.cache_line_bytes / 4


def far_bytes_per_cycle(target: Target) -> float:
    """From what lies behind the caches that a core has to itself."""
    return target.cache_line_bytes / 12


def streaming_cycles(bytes_: float, target: Target) -> float:
    """To read or write ``bytes_`` once, in order; what fits is in the second-level cache already."""
    near = bytes_ <= target.l2_bytes / 2
    return bytes_ / (near_bytes_per_cycle(target) if near else far_bytes_per_cycle(target))
