"""PyTorch in eager mode, on the model that onnx2torch makes of the ONNX file."""

# The package is optional: where it is not installed, the checker knows nothing of it.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from onnx2torch import convert

from bench.peers import Arrays, Session
from bench.peers.installed import distribution_files
from bench.peers.signature import read_signature


def version() -> str:
    """The version of the installed package."""
    return torch.__version__


def prepare(model: Path, directory: Path, target: str) -> Path:
    """The ONNX file itself: it becomes a module while it is loaded."""
    return model


def module(prepared: Path, threads: int) -> torch.nn.Module:
    """The model in inference mode; sets the number of PyTorch's threads."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return convert(str(prepared)).eval()


def session(model: torch.nn.Module, prepared: Path) -> Session:
    """Runs of a module whose inputs and outputs are in the order of the ONNX file's."""
    signature = read_signature(prepared)

    def run(inputs: Arrays) -> Arrays:
        with torch.inference_mode():
            results = model(*(torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in signature.inputs))
        results = (results,) if isinstance(results, torch.Tensor) else results
        return {name: result.numpy() for name, result in zip(signature.outputs, results, strict=True)}

    return run


def load(prepared: Path, threads: int) -> Session:
    """A session on `threads` threads."""
    return session(module(prepared, threads), prepared)


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("torch", below="torch")
