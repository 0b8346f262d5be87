"""What executes a case: the whole product (build, artifact, runtime), or the reference interpreter on the
imported graph.

bfloat16 arrays are uint16 bit patterns on both sides of an engine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from onnx import ModelProto

import compiler
import runtime
from bench.conformance.cases import Tensor
from compiler.ir import evaluate

Arrays = Mapping[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]
Run = Callable[[Arrays], Arrays]
Engine = Callable[[ModelProto, Shapes, Arrays], Run]
"""Builds a model, its inputs of the given shapes but for the bound ones; gives what runs it."""


def reference(model: ModelProto, inputs: Shapes, bind: Arrays) -> Run:
    """Import, then the reference interpreter: numpy."""
    graph = compiler.load(model, inputs=inputs, bind=bind)
    return lambda arrays: evaluate(graph, arrays)


def compiled(model: ModelProto, inputs: Shapes, bind: Arrays) -> Run:
    """Compile for this machine, save the artifact, load it and run it."""
    artifact = compiler.compile(model, target="host", inputs=inputs, bind=bind, verify=False)

    def run(arrays: Arrays) -> Arrays:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            artifact.save(path)
            with runtime.Model(path, threads=1) as loaded:
                return {name: np.array(array) for name, array in loaded.run(arrays).items()}

    return run


ENGINES: Final[dict[str, Engine]] = {"compiled": compiled, "reference": reference}
