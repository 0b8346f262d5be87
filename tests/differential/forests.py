"""Models of trees through the whole compiler: ways to build them, drawn by hypothesis, and results on many batches.

Artifacts for this machine run in a child of this process, those for others in a C program under an emulator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st
from numpy.typing import NDArray

import compiler
import runtime
from compiler.artifact import Artifact
from compiler.cache import default_cache
from compiler.codegen.toolchain import find_compiler, how_to_run
from compiler.passes.table import STANDARD
from compiler.targets import host_target, resolve
from compiler.verification import build_runner
from tests.differential.guarded import Arena, call_guarded

Array = NDArray[Any]
Inputs = Mapping[str, Array]
Compare = Callable[[Array, Array], None]

TARGETS = [
    "host",
    "host",
    *(n for n in ("x86-64-v3", "x86-64-v2") if set(resolve(n).features) <= set(host_target().features)),
]
"""This machine, which users mostly build for, and narrower vectors that it has too."""


@dataclass(frozen=True)
class Build:
    """``algorithm``: that of ``lower-forests``; ``rows``: how many, None for a dynamic batch."""

    target: str
    algorithm: str
    rows: int | None
    threads: int


@st.composite
def builds(draw: st.DrawFn, targets: Sequence[str] = TARGETS) -> Build:
    """A way to build a model of trees; mostly the one that users get."""
    return Build(
        target=draw(st.sampled_from(targets)),
        algorithm=draw(
            st.sampled_from(["auto", "auto", "bitsliced", "leafwise", "masked", "ranked", "walk", "branching"])
        ),
        rows=draw(st.sampled_from([None, None, None, 1, 3, 64, 600])),
        threads=draw(st.sampled_from([1, 1, 2])),
    )


def batch_sizes(tile: int) -> tuple[int, ...]:
    """Numbers of rows for which a dynamic batch takes each of its ways: rows one by one, whole tiles, a padded one."""
    return (0, 1, 2, 7, tile // 2, tile - 1, tile, tile + 1, 2 * tile + tile // 3)


def check_compiled(
    model: object, build: Build, inputs: Callable[[int], Inputs], answer: Callable[[Inputs], Array], same: Compare
) -> None:
    """The artifact's only output is what the source framework answers, for all numbers of rows.

    ``inputs(rows)`` makes arrays, ``answer`` gives the results that ``same(got, want)`` accepts.
    """
    _say(repr(build))
    shapes = {name: array.shape for name, array in inputs(build.rows or 1).items()}
    pipeline = STANDARD.replace("lower-forests", f"lower-forests{{algorithm={build.algorithm}}}")
    with compiler.compile(
        model,
        build.target,
        inputs=shapes,
        dynamic_batch=build.rows is None,
        pipeline=pipeline,
        verify=False,
        tuning=False,
        workers=1,
    ) as artifact:
        batch = artifact.report.plan.batch
        sizes = [build.rows] if build.rows is not None else batch_sizes(batch.rows if batch else 0)
        given = [inputs(size) for size in sizes]
        want = [answer(each) if size else np.zeros(0) for size, each in zip(sizes, given, strict=True)]
        run = _run_here if how_to_run(artifact.report.target).kind == "native" else _run_emulated
        got = run(artifact, build.threads, given)
    for size, one, other in zip(sizes, got, want, strict=True):
        _say(f"{size} rows")
        if size:
            same(one, other)
        else:
            assert one.shape[0] == 0


def _say(text: str) -> None:
    """For the report of a failure, of one example or of a test without examples."""
    (note if currently_in_test_context() else print)(text)


def _run_here(artifact: Artifact, threads: int, batches: Sequence[Inputs]) -> list[Array]:
    """The output for each batch, computed in a child on arrays that it cannot read or write beyond."""
    arena = Arena()
    guarded = [{name: arena.array(array) for name, array in batch.items()} for batch in batches]
    with runtime.Model(artifact.directory) as model:
        ((output, spec),) = model.outputs.items()
    results = [
        arena.array(np.full([len(batch["data"]) if n is None else n for n in spec.shape], 7, spec.dtype))
        for batch in batches
    ]

    def call() -> None:
        with runtime.Model(artifact.directory, threads=threads) as model:
            for batch, result in zip(guarded, results, strict=True):
                model.run(batch, {output: result})

    call_guarded(call)
    return results


def _run_emulated(artifact: Artifact, threads: int, batches: Sequence[Inputs]) -> list[Array]:
    """The output for each batch, computed by a program of the artifact's target."""
    target, cache = artifact.report.target, default_cache()
    runner = build_runner(find_compiler(target), cache / "c", how_to_run(target).prefix)
    results: list[Array] = []
    for batch in batches:
        (result,) = runner.run(artifact.directory, artifact.manifest, batch, threads).values()
        results.append(result)
    return results
