"""What must be true of any compiled region, whatever template and configuration computed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.codegen.plan.packing import pack
from compiler.codegen.space import Choice
from compiler.ir import Graph
from compiler.ir.literal import Array
from compiler.targets import Target
from tests.codegen.task_kernels import HOST, LoadedKernel, blank_results, load_kernel, packed_operands
from tests.differential.guarded import Arena, call_guarded
from tests.differential.sensitivity import Expected, assert_as_expected, expectations

Parts = Sequence[tuple[int, int]]


def check_region(
    graph: Graph, operands: Sequence[Array], choice: Choice | None = None, target: Target = HOST, seed: int = 0
) -> LoadedKernel:
    """Compile and run a region in every way a plan may, and compare with the reference; the kernel."""
    kernel = load_kernel(graph, target, choice)
    check_kernel(kernel, operands, expectations(graph, operands, seed), seed)
    return kernel


def check_kernel(kernel: LoadedKernel, operands: Sequence[Array], expected: Sequence[Expected], seed: int = 0) -> None:
    """The results are right; they are the same bits however the iterations are split and ordered and whatever the
    memory held before; nothing outside is touched; and overwriting an operand is fine where the kernel says so."""
    whole, parts = [(0, kernel.info.extent)], random_parts(np.random.default_rng(seed), kernel.info.extent)
    first = _Run.of(kernel, operands, whole, fill=0x5A, flush_end=True)
    second = _Run.of(kernel, operands, parts, fill=0xC3, flush_end=False)
    others = [_Run.of(kernel, operands, parts, fill=0x5A, flush_end=True, overwritten=i) for i in kernel.info.in_place]
    call_guarded(*(run.call for run in (first, second, *others)))
    for array, output, want in zip(first.outcome(), kernel.graph.outputs, expected, strict=True):
        stored = Expected(*(pack(part, output.type.layout) for part in (want.value, want.slack, want.free)))
        assert_as_expected(array, stored, f"{kernel.info.template} {kernel.info.config}")
    _assert_same_bits(second.outcome(), first.outcome(), f"split as {parts}")
    for run in others:
        how = f"split as {parts} and overwriting operand {run.overwritten}"
        _assert_same_bits(run.outcome(), first.outcome(), how)


def random_parts(generator: np.random.Generator, extent: int) -> list[tuple[int, int]]:
    """A partition of [0, extent) in random order; a part may be empty."""
    cuts = sorted(int(cut) for cut in generator.integers(0, extent + 1, generator.integers(1, 5)))
    parts = list(zip([0, *cuts], [*cuts, extent], strict=True))
    return [parts[i] for i in generator.permutation(len(parts))]


@dataclass(frozen=True)
class _Run:
    """A guarded run: arrays as stored, those of the operands also as they were before. ``overwritten`` is the operand
    whose memory the result takes."""

    kernel: LoadedKernel
    parts: Parts
    before: Sequence[Array]
    stored: Sequence[Array]
    results: Sequence[Array]
    overwritten: int | None

    @staticmethod
    def of(
        kernel: LoadedKernel,
        operands: Sequence[Array],
        parts: Parts,
        *,
        fill: int,
        flush_end: bool,
        overwritten: int | None = None,
    ) -> _Run:
        arena = Arena(flush_end=flush_end)
        before = packed_operands(kernel.graph, operands)
        stored = [arena.array(array) for array in before]
        results = [arena.array(array) for array in blank_results(kernel, fill)]
        if overwritten is not None:
            results[0] = stored[overwritten]
        return _Run(kernel, parts, before, stored, results, overwritten)

    def call(self) -> None:
        for begin, end in self.parts:
            self.kernel.call([*self.stored, *self.results], begin, end)

    def outcome(self) -> Sequence[Array]:
        """The results after ``call``; no other operand has changed."""
        for index, (array, original) in enumerate(zip(self.stored, self.before, strict=True)):
            untouched = array.tobytes() == original.tobytes()
            assert untouched or index == self.overwritten, f"operand {index} was changed"
        return self.results[: len(self.kernel.graph.outputs)]


def _assert_same_bits(actual: Sequence[Array], wanted: Sequence[Array], how: str) -> None:
    for got, want in zip(actual, wanted, strict=True):
        if got.tobytes() != want.tobytes():
            raise AssertionError(f"other results when {how}: {int((got != want).sum())} elements")
