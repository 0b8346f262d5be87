"""What a schedule template is: a way to compute a task, with a space of configurations.

A template owns its algorithm. Several templates may match one task and compete: ``choose_template``
(``compiler.codegen.kernels``) takes the first of the table unless a choice from the tuning database names one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tvm import tirx

from compiler.codegen.space import Config, Knob, Space
from compiler.ir import Graph
from compiler.targets import Target

__all__ = ["Config", "Kernel", "Knob", "Space", "Template"]


@dataclass(frozen=True)
class Kernel:
    """An emitted kernel. Parameters: operands, results, then scratch if ``scratch_bytes`` is not 0.

    ``in_place`` lists the operands whose memory the only result may overwrite: each of their elements is read before
    the result's element at the same place is written.
    """

    func: tirx.PrimFunc
    scratch_bytes: int = 0
    in_place: tuple[int, ...] = ()


class Template(Protocol):
    """One algorithm for some tasks; raise ``version`` whenever the emitted code changes, since records name it."""

    name: str
    version: int

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether this template can compute the region."""
        ...

    def space(self, region: Graph, target: Target) -> Space:
        """The knobs for a region that matches, with good defaults."""
        ...

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The kernel, exported as ``symbol``."""
        ...
