"""How fast a core moves data and multiplies, in bytes and vectors per cycle, from what a target says of itself.

Sustained figures of in-order streams, measured on servers and taken from manuals for the rest; they weigh one choice
against another, and predict no time to better than a third.
"""

from __future__ import annotations

from compiler.targets import Target

HERTZ = 2.5e9
"""A clock for all targets: only ratios matter."""


IN_ORDER_WIDTH = 2
"""Cores that decode no more than this execute in order."""

WINDOW = 16
"""Instructions that schedulers hold for a core that decodes one more than this; wider ones look ahead much further: 128
on Zen 4 (Software Optimization Guide 57647, its floating-point schedulers), some 40 on Cortex-A76."""


def instruction_window(target: Target) -> float:
    """How many instructions behind one that waits for its operands a core begins meanwhile."""
    return WINDOW * max(0, target.issue_width - IN_ORDER_WIDTH) ** 1.5


def near_bytes_per_cycle(target: Target) -> float:
    """What comes from the second-level cache: a quarter of a line."""
    return target.cache_line_bytes / 4


def far_bytes_per_cycle(target: Target) -> float:
    """What comes from memory of data that were last used long ago, such as weights."""
    return target.cache_line_bytes / 12


def shared_bytes_per_cycle(target: Target) -> float:
    """What comes of data used a moment ago that have left the second-level cache, as large activations have."""
    return target.cache_line_bytes / 6


def streaming_cycles(bytes_: float, target: Target) -> float:
    """Cycles to read or write ``bytes_`` of activations once, in order: the more there are, the fewer of them are still
    in the second-level cache."""
    away = min(1.0, max(0.0, bytes_ / max(target.l2_bytes, 1) - 0.5))
    near, shared = near_bytes_per_cycle(target), shared_bytes_per_cycle(target)
    return bytes_ * ((1 - away) / near + away / shared)
