"""ONNX Runtime on the CPU: all optimizations (its default), one operator at a time."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

from bench.peers import Arrays, ForestFile, Session
from bench.peers.child import convert
from bench.peers.installed import distribution_files


def version() -> str:
    """The version of the installed package."""
    return ort.__version__


def prepare(model: Path, directory: Path, target: str) -> Path:
    """The ONNX file itself: ONNX Runtime optimizes while it loads."""
    return model


def load(prepared: Path, threads: int) -> Session:
    """A session whose operators use `threads` threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(prepared), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        results = session.run(names, dict(inputs))
        return {name: np.asarray(result) for name, result in zip(names, results, strict=True)}

    return run


def prepare_forest(model: ForestFile, directory: Path, target: str) -> Path:
    """The forest as an ONNX file with one operator of ai.onnx.ml and the objective's transform."""
    converted = directory / f"{model.path.stem}.onnx"
    command = [sys.executable, "-m", "bench.forest.onnx_trees", str(model.path), str(converted)]
    return convert(command, converted, model.limit_seconds)


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("onnxruntime", below="onnxruntime")
