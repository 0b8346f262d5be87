"""Real trained models that lie beside the project and are never part of it: where each is, and what it is fixed to.

Owns paths inside the zoo, the shapes to measure and the inputs that become constants. The folder may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

DEFAULT_ZOO = Path(__file__).resolve().parents[3] / "shared" / "zoo"
"""Where the zoo is looked for: in a folder beside the checkout."""


@dataclass(frozen=True)
class ZooModel:
    """`file` below the zoo; `shapes` set open dimensions, `bound` are inputs that are constants from then on."""

    name: str
    file: str
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    bound: Mapping[str, NDArray[np.generic]] = field(default_factory=dict[str, NDArray[np.generic]])


ZOO_MODELS: tuple[ZooModel, ...] = (
    ZooModel("squeezenet_dc", "squeezenet_dc/squeezenet_v1.0.onnx", {"data": (1, 3, 227, 227)}),
    ZooModel("yolox_nano", "yolox_nano/yolox_nano.onnx"),
    ZooModel("nanodet_m", "nanodet_m/nanodet_m.onnx"),
    ZooModel("ultraface", "ultraface/version-RFB-320.onnx"),
    ZooModel("resnet20", "resnet_cifar10/resnet20_cifar10.onnx", {"input": (1, 3, 32, 32)}),
    ZooModel("resnet56", "resnet_cifar10/resnet56_cifar10.onnx", {"input": (1, 3, 32, 32)}),
    # Of the three files the one without If: ONNX Runtime refuses or crashes on the others once their shapes are set.
    ZooModel(
        "silero_vad",
        "silero_vad/silero_vad_16k_op15.onnx",
        {"input": (1, 576), "state": (2, 1, 128)},
        {"sr": np.array(16000, np.int64)},
    ),
)


class MissingZoo(FileNotFoundError):
    """A model of the zoo whose file is not there."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(f"{name} is a model of the zoo, and there is no file {path}; --zoo DIR says where the zoo is")


def path_of(model: ZooModel, zoo: Path) -> Path:
    """The model's file; raises MissingZoo."""
    path = zoo / model.file
    if not path.is_file():
        raise MissingZoo(model.name, path)
    return path


def load_zoo_model(model: ZooModel, zoo: Path) -> onnx.ModelProto:
    """The model with its shapes set and its bound inputs stored; raises MissingZoo."""
    proto = onnx.load(path_of(model, zoo))
    _set_shapes(proto.graph, model.shapes)
    _bind(proto.graph, model.bound)
    return proto


def _set_shapes(graph: onnx.GraphProto, shapes: Mapping[str, Sequence[int]]) -> None:
    for value in graph.input:
        if value.name in shapes:
            element = value.type.tensor_type.elem_type
            value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, element, shapes[value.name]))


def _bind(graph: onnx.GraphProto, bound: Mapping[str, NDArray[np.generic]]) -> None:
    kept = [value for value in graph.input if value.name not in bound]
    del graph.input[:]
    graph.input.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in bound.items())
