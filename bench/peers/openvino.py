"""OpenVINO on the CPU, tuned for latency and held to float32, which is what the others compute in."""

from __future__ import annotations

from pathlib import Path

import openvino

from bench.peers import Arrays, Session
from bench.peers.installed import distribution_files


def version() -> str:
    """The version of the installed package."""
    return openvino.__version__


def prepare(model: Path, directory: Path) -> Path:
    """The ONNX file itself: OpenVINO reads it while it loads."""
    return model


def load(prepared: Path, threads: int) -> Session:
    """A compiled model with one stream on `threads` threads."""
    config = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(str(prepared), "CPU", config)
    request = compiled.create_infer_request()
    names = [output.get_any_name() for output in compiled.outputs]

    def run(inputs: Arrays) -> Arrays:
        results = request.infer(dict(inputs), share_inputs=True, share_outputs=True)
        return {name: results[index] for index, name in enumerate(names)}

    return run


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("openvino", below="openvino")
