"""ncnn on the CPU in float32, its model made by pnnx with all of its optimizations."""

# The package is optional: where it is not installed, the checker knows nothing of it.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import importlib.util
import math
from importlib import metadata
from pathlib import Path

import ncnn
import numpy as np

from bench.peers import Arrays, Session
from bench.peers.child import convert
from bench.peers.installed import distribution_files
from bench.peers.signature import read_signature

BATCH_AXIS = 0


def version() -> str:
    """The version of the installed package."""
    return metadata.version("ncnn")


def prepare(model: Path, directory: Path, target: str) -> Path:
    """The ONNX file itself, with ncnn's own two files beside it."""
    converted = model.with_suffix(".ncnn.param")
    convert([str(_pnnx()), str(model), "fp16=0"], converted)
    return model


def _pnnx() -> Path:
    """The converter's program; its Python package would load PyTorch and is not imported."""
    package = importlib.util.find_spec("pnnx")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("ncnn's converter is not installed; pip install pnnx")
    return Path(package.origin).with_name("pnnx")


def load(prepared: Path, threads: int) -> Session:
    """A network on `threads` threads that computes in float32; ncnn would take half precision where it can."""
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    if net.load_param(str(prepared.with_suffix(".ncnn.param"))) or net.load_model(
        str(prepared.with_suffix(".ncnn.bin"))
    ):
        raise ValueError(f"ncnn cannot load {prepared.name}")
    signature = read_signature(prepared)

    def run(inputs: Arrays) -> Arrays:
        with net.create_extractor() as extractor:
            for i, name in enumerate(signature.inputs):
                extractor.input(f"in{i}", ncnn.Mat(np.ascontiguousarray(inputs[name]), batch_index=BATCH_AXIS))
            results: dict[str, np.ndarray] = {}
            for i, (name, shape) in enumerate(signature.outputs.items()):
                code, result = extractor.extract(f"out{i}")
                if code != 0:
                    raise ValueError(f"ncnn gives no output {name}: status {code}")
                results[name] = _shaped(np.array(result), shape)
        return results

    return run


def _shaped(result: np.ndarray, shape: list[int]) -> np.ndarray:
    """The result as ONNX shapes it: ncnn leaves the batch axis out. Some models do not say their outputs' shapes."""
    known = 0 not in shape and math.prod(shape) == result.size
    return result.reshape(shape) if known else result[np.newaxis]


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("ncnn", below="ncnn")
