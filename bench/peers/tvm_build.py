"""Building a model with TVM's own pipeline, in a process of its own.

python -m bench.peers.tvm_build MODEL.onnx TARGET
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

from bench.peers.tvm import library_beside
from compiler.targets import resolve


def main(arguments: list[str]) -> None:
    """Write the library beside the model."""
    model, named = arguments
    target = resolve(named)
    proto = onnx.load(model)
    module = from_onnx(proto, keep_params_in_input=False)  # pyright: ignore[reportArgumentType]  # it wants this type
    built_for = tvm.target.Target(
        {"kind": "llvm", "mtriple": target.llvm_triple, "mcpu": target.mcpu, "mattr": list(target.mattr)}
    )
    with built_for:
        optimized = relax.get_pipeline("zero")(module)
    executable = tvm.compile(optimized, built_for)
    executable.export_library(str(library_beside(Path(model))))


if __name__ == "__main__":
    main(sys.argv[1:])
