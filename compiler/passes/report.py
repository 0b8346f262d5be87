"""What a run of a pipeline did: time, sizes and statistics per pass; printing of the IR between passes.

Both are observers: callables that a ``PassManager`` tells about every finished pass.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TextIO, TypeAlias

from compiler.ir.graph import Graph
from compiler.ir.printer import print_graph
from compiler.passes.base import Pass, Statistics


@dataclass(frozen=True)
class PassRecord:
    """One finished pass: its wall time and the number of nodes, regions left out, before and after it."""

    executed: Pass
    seconds: float
    nodes_before: int
    nodes_after: int
    statistics: Statistics

    @property
    def changes(self) -> int:
        """How many changes the pass counted."""
        return sum(self.statistics.values())


Observer: TypeAlias = Callable[[PassRecord, Graph], None]
"""Told of every finished pass, with the graph as it then is (which must not be changed)."""


@dataclass
class PipelineReport:
    """An observer that keeps the records; ``str(report)`` is a table."""

    records: list[PassRecord] = field(default_factory=lambda: list[PassRecord]())

    def __call__(self, record: PassRecord, graph: Graph) -> None:
        self.records.append(record)

    @property
    def seconds(self) -> float:
        """Wall time of all passes."""
        return sum(record.seconds for record in self.records)

    def __str__(self) -> str:
        width = max((len(str(record.executed)) for record in self.records), default=4)
        lines = [f"{'pass':{width}}  {'ms':>9}  {'nodes':>15}  changes"]
        for record in self.records:
            nodes = f"{record.nodes_before} -> {record.nodes_after}"
            done = ", ".join(f"{name} {count}" for name, count in record.statistics.items()) or "-"
            lines.append(f"{record.executed!s:{width}}  {record.seconds * 1e3:9.1f}  {nodes:>15}  {done}")
        lines.append(f"{'total':{width}}  {self.seconds * 1e3:9.1f}")
        return "\n".join(lines)


@dataclass(frozen=True)
class IrPrinter:
    """An observer that prints the graph after the passes of the given names; ``all`` means every pass."""

    names: Collection[str]
    stream: TextIO | None = None

    def __call__(self, record: PassRecord, graph: Graph) -> None:
        if "all" in self.names or record.executed.name in self.names:
            stream = self.stream or sys.stderr
            stream.write(f"// after {record.executed}\n{print_graph(graph)}")
