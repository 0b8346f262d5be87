"""OpenVINO on the CPU, tuned for latency and held to float32, which is what the others compute in."""

from __future__ import annotations

import json
from pathlib import Path

import openvino

from bench.peers import Arrays, Session
from bench.peers.installed import distribution_files

MODEL_FILE, NAMES_FILE = "model.xml", "outputs.json"
RESULT_SUFFIX = "/sink_port_0"


def version() -> str:
    """The version of the installed package."""
    return openvino.__version__


def prepare(model: Path, directory: Path, target: str) -> Path:
    """A folder with OpenVINO's own format, weights in float32: it loads faster than ONNX."""
    prepared = directory / f"{model.stem}.openvino"
    converted = openvino.Core().read_model(str(model))
    openvino.save_model(converted, str(prepared / MODEL_FILE), compress_to_fp16=False)
    # A tensor goes by all the names that it had on its way; the node of a result keeps that of the model's output.
    names = [result.get_friendly_name().removesuffix(RESULT_SUFFIX) for result in converted.get_results()]
    (prepared / NAMES_FILE).write_text(json.dumps(names))
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
    names = json.loads((prepared / NAMES_FILE).read_text())

    def run(inputs: Arrays) -> Arrays:
        results = request.infer(dict(inputs), share_inputs=True, share_outputs=True)
        return {name: results[index] for index, name in enumerate(names)}

    return run


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("openvino", below="openvino")
