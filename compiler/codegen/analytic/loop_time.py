"""Cycles of an innermost loop from its instructions: what its ports, its chains of sums and its decoder can do.

Every iteration takes as long as the busiest of them; that loads come from the first-level cache and that the core
finds the independent instructions are assumptions, which hold for register tiles on cores that execute out of order.
Where time goes outside the innermost loops is ``kernel_time``'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.codegen.analytic.assembly import Kind, Loop
from compiler.targets import Target


@dataclass(frozen=True)
class LoopTime:
    """Cycles that an iteration keeps each part of a core busy."""

    arithmetic: float
    chains: float
    loads: float
    stores: float
    issue: float
    spilling: float
    multiply_adds: float

    @property
    def throughput(self) -> float:
        """Cycles of the busiest part if no instruction had to wait for another, beside those of spills."""
        return max(self.arithmetic, self.loads, self.stores, self.issue) + self.spilling

    @property
    def cycles(self) -> float:
        """Cycles of the busiest part, chains of sums included."""
        return max(self.throughput, self.chains)

    @property
    def bound(self) -> str:
        """The name of that part."""
        parts = {name: getattr(self, name) for name in ("arithmetic", "chains", "loads", "stores", "issue")}
        return max(parts, key=lambda name: parts[name])

    @property
    def of_peak(self) -> float:
        """The part of its cycles that the multiply-adds would need alone."""
        return self.multiply_adds / self.cycles


def loop_time(loop: Loop, target: Target) -> LoopTime:
    """What one iteration costs on a target."""
    counts = loop.counts
    return LoopTime(
        arithmetic=(counts[Kind.FMA] + counts[Kind.SIMD]) / target.fma_ports,
        chains=float(max(loop.chains.values(), default=0) * target.fma_latency),
        loads=sum(_load_cycles(size, target) for size in loop.loads) + counts[Kind.PREFETCH] / _narrow_loads(target),
        stores=len(loop.stores) * store_cycles(target),
        issue=len(loop.instructions) / target.issue_width,
        spilling=loop.spills * _spill_cycles(target),
        multiply_adds=counts[Kind.FMA] / target.fma_ports,
    )


def store_cycles(target: Target) -> float:
    """Cycles of storing a vector or less: as long as the two loads that the other ports could do."""
    return min(2.0, max(1.0, 2 / target.load_ports))


def _load_cycles(size: int, target: Target) -> float:
    """A vector may take several cycles, or several ports."""
    return max(1 / _narrow_loads(target), size / target.vector_bytes / target.load_ports)


def _narrow_loads(target: Target) -> float:
    """Elements that are loaded per cycle, and prefetches: where a vector is loaded in halves of 32 bytes, one for each
    half; no core has many more than two ports for them."""
    return min(2.0, max(1.0, target.load_ports, target.load_ports * target.vector_bytes / 32))


def _spill_cycles(target: Target) -> float:
    """What a vector that goes to the stack costs beside its store or load: slots are not aligned, so that a vector as
    long as a line lies in two."""
    return 1.0 if target.vector_bytes == target.cache_line_bytes else 0.0
