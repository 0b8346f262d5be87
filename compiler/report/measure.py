"""Times of a finished artifact's kernels, where this machine is the target."""

from __future__ import annotations

from pathlib import Path

from compiler.artifact import Artifact
from compiler.codegen.toolchain import find_compiler, how_to_run
from compiler.passes.rows import for_rows
from compiler.targets import Target
from compiler.verification import KernelTime, build_runner, sample_inputs

RUNS = 20


def measure_kernels(artifact: Artifact, target: Target, cache: Path) -> list[KernelTime] | None:
    """The fastest of ``RUNS`` runs of each call of the plan, on one thread; with a dynamic batch, for a tile of rows.

    None where the target's programs do not run natively, since an emulator's times say nothing. Raises RunError,
    ToolchainError, OSError.
    """
    if how_to_run(target).kind != "native":
        return None
    runner = build_runner(find_compiler(target), cache / "c")
    graph, plan = artifact.report.imported, artifact.report.plan
    if plan.batch is not None:
        graph = for_rows(graph, plan.batch.rows)
    times = runner.profile(artifact.directory, artifact.manifest, sample_inputs(graph, seed=0), RUNS)
    return times[: len(plan.calls)]
