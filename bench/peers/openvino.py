"""OpenVINO on the CPU, tuned for latency and held to float32, which is what the others compute in."""

from __future__ import annotations

from pathlib import Path

import openvino

from bench.peers import Arrays, Session
from bench.peers.installed import distribution_files
from bench.peers.signature import read_signature, write_signature

MODEL_FILE = "model.xml"


def version() -> str:
    """The version of the installed package."""
    return openvino.__version__


def prepare(model: Path, directory: Path, target: str) -> Path:
    """A folder with OpenVINO's own format, weights in float32: it loads faster than ONNX."""
    prepared = directory / f"{model.stem}.openvino"
    converted = openvino.Core().read_model(str(model))
    openvino.save_model(converted, str(prepared / MODEL_FILE), compress_to_fp16=False)
    # A tensor goes by all the names that it had on its way; the order of the outputs is the model's.
    write_signature(prepared / MODEL_FILE, read_signature(model))
    return prepared


def load(prepared: Path, threads: int) -> Session:
    """A compiled model with one stream on `threads` threads."""
    config = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(str(prepared / MODEL_FILE), "CPU", config)
    request = compiled.create_infer_request()
    names = list(read_signature(prepared / MODEL_FILE).outputs)

    def run(inputs: Arrays) -> Arrays:
        results = request.infer(dict(inputs), share_inputs=True, share_outputs=True)
        return {name: results[index] for index, name in enumerate(names)}

    return run


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("openvino", below="openvino")
