"""``PassContext``: all that a pass may know of the world outside its graph. Frozen; filled in by the driver.

Passes know no device and no code generator: a target is whatever has the capabilities named here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast, runtime_checkable

from compiler.ir.task import Task
from compiler.ir.types import Layout

CostsOf: TypeAlias = Callable[[Sequence[Sequence[Task]]], Sequence[float]]
"""What each of several ways to compute the same costs, about in seconds; a way is the tasks that it takes, one after
the other. Infinite if there is no kernel for one of them.

A pass asks about all that it chooses among at once, since what was measured of one way says nothing beside an estimate
of another. Costs of different questions may be added.
"""

_TARGETS_MODULE = "compiler.targets"
_COSTS_MODULE = "compiler.codegen.analytic"


@runtime_checkable
class TargetCapabilities(Protocol):
    """What passes may ask of a target. Sizes are in bytes; caches are one core's share, 0 for none."""

    @property
    def name(self) -> str:
        """What the user types after ``--target``."""
        ...

    @property
    def vector_bytes(self) -> int:
        """Width of a vector register."""
        ...

    @property
    def vector_registers(self) -> int:
        """Number of vector registers."""
        ...

    @property
    def l1d_bytes(self) -> int:
        """Size of the first-level data cache."""
        ...

    @property
    def l2_bytes(self) -> int:
        """Size of the second-level cache."""
        ...

    @property
    def l3_bytes(self) -> int:
        """Share of the third-level cache."""
        ...


@dataclass(frozen=True)
class PassContext:
    """What a pass may know: the target (None: any), the layouts worth trying, and what tasks cost."""

    target: TargetCapabilities | None = None
    layouts: tuple[Layout, ...] = ()
    costs: CostsOf | None = None

    def __str__(self) -> str:
        target = self.target.name if self.target else "any"
        layouts = " ".join(map(str, self.layouts)) or "none"
        return f"target: {target}; layouts: {layouts}; costs: {'given' if self.costs else 'none'}"


def context_for(target: str | TargetCapabilities | None) -> PassContext:
    """The context of a compilation for a target, named or given: what is known of it, and the analytic costs of tasks.

    The packages of targets and of costs are reached by their names, on demand: passes depend on neither, and this is
    the one convenience for users who type ``pm.run(graph, target="host")``. Raises the ValueError of
    ``compiler.targets`` for an unknown name.
    """
    if target is None:
        return PassContext()
    if isinstance(target, str):
        resolve = cast("Callable[[str], TargetCapabilities]", vars(importlib.import_module(_TARGETS_MODULE))["resolve"])
        target = resolve(target)
    analytic = vars(importlib.import_module(_COSTS_MODULE))
    layouts = cast("Callable[[TargetCapabilities], tuple[Layout, ...]]", analytic["layouts"])
    estimator = cast("Callable[[TargetCapabilities], Callable[[Task], float]]", analytic["estimator"])
    cost = estimator(target)
    return PassContext(target, layouts(target), lambda ways: [sum(map(cost, way)) for way in ways])
