"""Running an artifact so that nothing it does goes unnoticed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import runtime
from compiler.ir import Graph
from compiler.ir.literal import Array
from tests.differential.guarded import Arena, call_guarded


def run_guarded(directory: Path, graph: Graph, arrays: Sequence[Array], threads: int) -> dict[str, Array]:
    """The results of an artifact that is run in a child, on inputs it cannot read or write beyond."""
    arena = Arena()
    inputs = {name: arena.array(array) for name, array in zip(graph.input_names, arrays, strict=True)}
    blank = [np.zeros(output.type.shape, output.type.dtype.numpy) for output in graph.outputs]
    results = {name: arena.array(array) for name, array in zip(graph.output_names, blank, strict=True)}

    def call() -> None:
        with runtime.Model(directory, threads=threads) as model:
            for name, array in model.run(inputs).items():
                results[name][...] = array

    call_guarded(call)
    return results
