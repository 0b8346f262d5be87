"""Apache TVM as it comes: the ONNX frontend of Relax and its default pipeline, untuned."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tvm
from tvm import relax

from bench.peers import Arrays, Session
from bench.peers.child import convert
from bench.peers.installed import distribution_files
from bench.peers.signature import read_signature

ONE_THREAD_PER_CORE = 1


def version() -> str:
    """The version of the installed package."""
    return tvm.__version__


def prepare(model: Path, directory: Path, target: str) -> Path:
    """The ONNX file itself, with TVM's library beside it."""
    convert([sys.executable, "-m", "bench.peers.tvm_build", str(model), target], library_beside(model))
    return model


def library_beside(model: Path) -> Path:
    """The library that TVM builds of a model."""
    return model.with_suffix(".tvm.so")


def load(prepared: Path, threads: int) -> Session:
    """A virtual machine on `threads` threads."""
    tvm.get_global_func("runtime.config_threadpool")(ONE_THREAD_PER_CORE, threads)
    library = tvm.runtime.load_module(str(library_beside(prepared)))
    machine = relax.VirtualMachine(library, tvm.cpu())  # pyright: ignore[reportArgumentType]  # its annotations are old
    signature = read_signature(prepared)

    def run(inputs: Arrays) -> Arrays:
        arguments = [tvm.runtime.tensor(np.ascontiguousarray(inputs[name])) for name in signature.inputs]
        results = machine["main"](*arguments)
        results = [results] if isinstance(results, tvm.runtime.Tensor) else list(results)
        return {name: result.numpy() for name, result in zip(signature.outputs, results, strict=True)}

    return run


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("apache-tvm", below="tvm")
