"""The proof of a build: what its numbers are compared with, on which inputs, and whether they agree.

Owns the policy (which oracle, which machine, what is said when there is none); the means are in
``verification``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler.codegen.plan import Plan
from compiler.codegen.toolchain import CCompiler, Execution, how_to_run
from compiler.errors import VerificationError
from compiler.ir import Graph, evaluate
from compiler.ir.literal import Array
from compiler.passes.rows import for_rows
from compiler.source import OracleError, Source
from compiler.targets import Target
from compiler.verification import (
    Answer,
    RunError,
    Runner,
    build_runner,
    differences,
    expected_answer,
    sample_inputs,
)
from runtime.errors import SelftestError
from runtime.manifest import Manifest

SEEDS = (0, 1)
"""Seeds of the inputs that every build is tried on; those of the first become the golden vectors."""
GOLDEN_ROWS = 16
"""Rows of the golden vectors where the batch is dynamic."""
EMULATED_FLOPS = 2e9
"""The most arithmetic that is tried under an emulator, where it takes about a minute."""


@dataclass(frozen=True)
class _Case:
    inputs: Mapping[str, Array]
    answer: Answer

    def of_rows(self, rows: int) -> _Case:
        """The first rows of a dynamic batch: each is computed by itself."""
        answer = Answer({name: array[:rows] for name, array in self.answer.outputs.items()}, self.answer.authority)
        return _Case({name: array[:rows] for name, array in self.inputs.items()}, answer)


@dataclass(frozen=True)
class Expected:
    """Right outputs for some inputs; they depend on the model alone, so that they can be asked for while its kernels
    are compiled."""

    graph: Graph
    """With a dynamic batch, the model of the largest of ``batches``."""
    cases: tuple[_Case, ...]
    batches: tuple[int, ...] = ()
    """Numbers of rows to try of a dynamic batch."""
    warnings: tuple[str, ...] = ()

    @staticmethod
    def ask(source: Source, graph: Graph, tiles: Sequence[int], cache: Path) -> Expected:
        """Ask the source framework. Raises OSError when ``cache`` cannot be written.

        With a dynamic batch, ``graph`` is the model of one row, and ``tiles`` are the numbers of rows that there is
        code for.
        """
        batches = _batches(tiles)
        if batches:
            graph = for_rows(graph, max(batches))
        key = source.oracle_key(graph)
        warnings: dict[str, None] = {}

        def ask(inputs: Mapping[str, Array]) -> Answer:
            try:
                return source.ask(graph, inputs)
            except OracleError as error:
                warnings[f"compared with Kiln's own reference only: {error}"] = None
                return Answer(evaluate(graph, inputs), "Kiln's own reference interpreter")

        cases: list[_Case] = []
        for seed in SEEDS:
            inputs = sample_inputs(graph, seed)
            cases.append(_Case(inputs, expected_answer(key, inputs, ask, cache)))
        if graph.inputs and not _vary(cases):
            warnings["the outputs are the same for two random inputs, so comparing them says little"] = None
        return Expected(graph, tuple(cases), batches, tuple(warnings))


@dataclass(frozen=True)
class Proof:
    """What is expected, how to run it, and what can be said once they agree (``summary``)."""

    expected: Expected | None
    execution: Execution
    summary: str

    @staticmethod
    def none() -> Proof:
        """No proof, because none was asked for."""
        return Proof(None, Execution("none", (), "not asked for"), "not verified")

    @staticmethod
    def of(expected: Expected, plan: Plan, target: Target) -> Proof:
        """How the outputs of a plan are compared with what is expected."""
        execution = _affordable(how_to_run(target), plan, expected.batches)
        authority = expected.cases[0].answer.authority
        if execution.kind == "none":
            summary = f"unverified on target: {execution.reason}; golden vectors from {authority}"
        else:
            sizes = f" of up to {max(expected.batches)} rows" if expected.batches else ""
            summary = f"{len(expected.cases)} random inputs{sizes} agree with {authority}, {_how(execution)}"
        return Proof(expected, execution, summary)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the proof weaker."""
        return self.expected.warnings if self.expected else ()

    @property
    def golden(self) -> tuple[Mapping[str, Array], Mapping[str, Array]] | None:
        """Inputs and outputs for the artifact's own test; of a dynamic batch a few rows."""
        if self.expected is None:
            return None
        first, *_ = self.expected.cases
        if self.expected.batches:
            first = first.of_rows(GOLDEN_ROWS)
        return first.inputs, first.answer.outputs

    def check(self, directory: Path, manifest: Manifest, compiler: CCompiler, cache: Path) -> None:
        """Run the artifact on all cases. Raises VerificationError, ToolchainError, OSError."""
        if self.expected is None or self.execution.kind == "none":
            return
        runner = build_runner(compiler, cache, self.execution.prefix)
        graph, batches = self.expected.graph, self.expected.batches
        for threads, case in enumerate(self.expected.cases, start=1):
            for tried in [case.of_rows(rows) for rows in batches] or [case]:
                _check_case(runner, graph, directory, manifest, tried, threads)


def _check_case(runner: Runner, graph: Graph, directory: Path, manifest: Manifest, case: _Case, threads: int) -> None:
    types = dict(zip(graph.output_names, (value.type for value in graph.outputs), strict=True))
    try:
        results = runner.run(directory, manifest, case.inputs, threads)
        wrong = differences(types, results, case.answer.outputs, manifest.tolerance)
    except (RunError, SelftestError) as error:
        raise VerificationError(f"{manifest.name}: {error}; {_ADVICE}") from error
    if wrong:
        lines = "".join(f"\n  {line}" for line in wrong)
        raise VerificationError(
            f"{manifest.name}: the compiled model disagrees with {case.answer.authority}:{lines}\n{_ADVICE}"
        )


def _vary(cases: Sequence[_Case]) -> bool:
    """Whether some output differs between the first two cases."""
    first, second = (case.answer.outputs for case in cases[:2])
    return any(not np.array_equal(first[name], second[name]) for name in first)


_ADVICE = "python -m compiler.bisect MODEL finds the op"


def _batches(tiles: Sequence[int]) -> tuple[int, ...]:
    """Numbers of rows around all that a dynamic batch does differently, with a largest one that has several tiles and a
    rest; none where shapes are fixed."""
    if not tiles:
        return ()
    around = {rows + more for rows in tiles for more in (-1, 0, 1)}
    return (*sorted(around), 3 * max(tiles) + 7)


def _affordable(execution: Execution, plan: Plan, batches: Sequence[int]) -> Execution:
    flops = sum(call.flops for call in plan.calls)
    if plan.batch is not None:
        flops *= sum(batches) / plan.batch.rows
    if execution.kind == "emulated" and flops > EMULATED_FLOPS:
        return Execution("none", (), f"{flops:.2g} operations are too many for an emulator")
    return execution


def _how(execution: Execution) -> str:
    return "run on this machine" if execution.kind == "native" else execution.reason
