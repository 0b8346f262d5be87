"""``PassManager``: runs a pipeline over a copy of a graph, measures and checks each pass, explains failures.

Knows the table of passes and no pass in particular.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.debug import DEBUG
from compiler.ir.graph import Graph
from compiler.ir.ops.region import Fused
from compiler.ir.rewriter import clone
from compiler.ir.verifier import verify as verify_graph
from compiler.passes.base import Pass, Statistics, parse_passes, print_passes
from compiler.passes.context import PassContext, TargetCapabilities, context_for
from compiler.passes.report import IrPrinter, Observer, PassRecord
from compiler.passes.reproducer import write_reproducer
from compiler.passes.table import PASSES, PIPELINES


class PassError(Exception):
    """A pass that raised or left a malformed graph; the message names the pass and the reproducer."""

    def __init__(self, failed: Pass, reason: BaseException, reproducer: Path | str) -> None:
        super().__init__(f"pass {failed} failed: {type(reason).__name__}: {reason}\nreproducer: {reproducer}")
        self.failed = failed
        self.reproducer = reproducer


@dataclass(frozen=True)
class PassManager:
    """A pipeline. ``str(manager)`` is its text, which ``parse`` reads back."""

    passes: tuple[Pass, ...]

    def __init__(self, passes: Iterable[Pass]) -> None:
        object.__setattr__(self, "passes", tuple(passes))

    @classmethod
    def parse(cls, text: str, passes: Iterable[type[Pass]] = ()) -> PassManager:
        """The pipeline that ``text`` describes, such as ``canonicalize,fuse{max-ops=8}`` or ``standard``.

        ``passes`` adds pass classes from outside the tree; they go before built-in ones of the same name.
        Raises PipelineError.
        """
        return cls(parse_passes(text, (*PASSES, *passes), PIPELINES))

    def __str__(self) -> str:
        return print_passes(self.passes)

    def run(
        self,
        graph: Graph,
        target: str | TargetCapabilities | None = None,
        *,
        context: PassContext | None = None,
        verify: bool | None = None,
        print_ir_after: Collection[str] = (),
        observers: Sequence[Observer] = (),
        reproducers: Path | None = None,
    ) -> Graph:
        """A new graph: ``graph`` after all passes. The given graph stays as it is.

        Args:
            graph: what to transform; it shares ops, types and constants with the result.
            target: a target's name or capabilities; short for ``context=context_for(target)``.
            context: what passes may know of the outside.
            verify: check the graph before the first and after every pass; None: if ``KILN_DEBUG`` says so.
            print_ir_after: names of passes (or ``all``) after which to print the graph to standard error.
            observers: told of every finished pass; ``PipelineReport`` is one.
            reproducers: folder for the files that reproduce a failure; None: the system's temporary one.

        Raises:
            PassError: a pass raised, or left a malformed graph.
            MalformedGraphError: ``graph`` itself is malformed (found with ``verify`` only).
        """
        if context is None:
            context = context_for(target)
        elif target is not None:
            raise ValueError("give a target or a context, not both")
        checked = DEBUG.verify if verify is None else verify
        if checked:
            verify_graph(graph)
        told = (*observers, IrPrinter(print_ir_after)) if print_ir_after else tuple(observers)
        result = clone(graph)
        for index, step in enumerate(self.passes):
            try:
                record = run_pass(step, result, context, checked)
            except Exception as error:
                where = self._reproduce(graph, index, context, error, reproducers)
                raise PassError(step, error, where) from error
            for observer in told:
                observer(record, result)
        return result

    def _reproduce(
        self, graph: Graph, index: int, context: PassContext, error: BaseException, folder: Path | None
    ) -> Path | str:
        """Write the reproducer of a failure in pass ``index``; what the user is told of it.

        Passes are deterministic, so the graph before the failure is made again rather than kept on every run.
        """
        try:
            before = clone(graph)
            for step in self.passes[:index]:
                run_pass(step, before, context, verify=False)
            return write_reproducer(before, self.passes[index:], context, error, folder)
        except OSError as problem:
            return f"could not be written: {problem}"


def run_pass(step: Pass, graph: Graph, context: PassContext, verify: bool) -> PassRecord:
    """Run one pass on the graph and, before it, on the regions of control flow in it."""
    before = len(graph)
    start = time.perf_counter()
    statistics: Counter[str] = Counter()
    for each in (*control_flow_regions(graph), graph):
        done: Statistics | None = step.run(each, context)
        statistics.update({name: count for name, count in (done or {}).items() if count})
    seconds = time.perf_counter() - start
    if verify:
        verify_graph(graph)
    return PassRecord(step, seconds, before, len(graph), dict(statistics))


def control_flow_regions(graph: Graph) -> Iterator[Graph]:
    """The regions nested in the graph, innermost first, except those of ``fused`` nodes, which are
    kernels."""
    for node in graph:
        if not isinstance(node.op, Fused):
            for region in node.regions:
                yield from control_flow_regions(region)
                yield region
