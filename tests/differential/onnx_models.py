"""A strategy for random ONNX models of common ops.

Every node is tried on its own by ONNX Runtime when it is drawn: its result gives the shapes for the next one, and a
node that ONNX Runtime refuses, or whose result is not finite, is left out. So the tables below only say what may
be asked, not when it is valid.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportOperatorIssue=false
# numpy, hypothesis and onnx.helper take more than their annotations say.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from compiler.ir.literal import Array
from tests.differential.isolated import PeerFailedError, onnxruntime_in_child
from tests.frontends.onnx.nodes import Attribute

T = TypeVar("T")

OPSET = 21
LARGEST = 1e4
"""Results beyond this size make every later comparison meaningless."""
MAX_ELEMENTS = 4000


@dataclass(frozen=True)
class Tensor:
    """A value of the model, with what ONNX Runtime computed for it."""

    name: str
    array: Array


@dataclass(frozen=True)
class OnnxCase:
    """A model with arrays for its inputs."""

    model: onnx.ModelProto
    inputs: dict[str, Array]

    def __repr__(self) -> str:
        return f"\n{onnx.printer.to_text(self.model)}"

    def _repr_pretty_(self, printer: object, cycle: bool) -> None:
        printer.text(repr(self))  # pyright: ignore[reportAttributeAccessIssue]


Operand = Tensor | Array | None


@dataclass
class Builder:
    """A model under construction."""

    draw: st.DrawFn
    nodes: list[onnx.NodeProto] = field(default_factory=list[onnx.NodeProto])
    inputs: dict[str, Array] = field(default_factory=dict[str, Array])
    constants: dict[str, Array] = field(default_factory=dict[str, Array])
    values: list[Tensor] = field(default_factory=list[Tensor])
    used: set[str] = field(default_factory=set[str])

    def one_of(self, choices: Sequence[T]) -> T:
        return self.draw(st.sampled_from(choices))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def chance(self, one_in: int) -> bool:
        return self.number(0, one_in - 1) == one_in - 1

    def data(self, *shape: int, low: float = -1.5, high: float = 1.5) -> Array:
        """Seeded float32 numbers."""
        return np.random.default_rng(self.number(0, 999)).uniform(low, high, shape).astype(np.float32)

    def input(self, array: Array) -> Tensor:
        name = f"x{len(self.inputs)}"
        self.inputs[name] = array
        self.values.append(Tensor(name, array))
        return self.values[-1]

    def node(self, op_type: str, operands: Sequence[Operand], outputs: int = 1, **attributes: Attribute | None) -> None:
        """Append a node if ONNX Runtime can run it and its results are tame; arrays become initializers."""
        named = [self.named(operand) for operand in operands]
        given = {key: value for key, value in attributes.items() if value is not None}
        count = len(self.nodes)
        results = [f"v{count}_{i}" for i in range(outputs)]
        node = helper.make_node(op_type, [name for name, _ in named], results, name=f"{op_type}_{count}", **given)
        try:
            arrays = onnxruntime_in_child(*_single(node, named))
        except PeerFailedError:  # whatever ONNX Runtime refuses is not a model
            return
        if not all(_is_tame(array) for array in arrays):
            return
        self.nodes.append(node)
        for (name, array), operand in zip(named, operands, strict=True):
            self.used.add(name)
            if operand is not None and not isinstance(operand, Tensor):
                self.constants[name] = array
        self.values += [Tensor(name, array) for name, array in zip(results, arrays, strict=True)]

    def named(self, operand: Operand) -> tuple[str, Array]:
        if operand is None:
            return "", np.zeros(0)
        if isinstance(operand, Tensor):
            return operand.name, operand.array
        return f"c{len(self.constants)}_{self.number(0, 2**20)}", operand

    def finish(self) -> OnnxCase:
        """The case; values that no node uses are the outputs."""
        results = [v for v in self.values if v.name not in self.used and v.name not in self.inputs]
        graph = helper.make_graph(
            self.nodes,
            "random",
            [_info(name, array) for name, array in self.inputs.items()],
            [_info(value.name, value.array) for value in results],
            [numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in self.constants.items()],
        )
        return OnnxCase(_model(graph), self.inputs)


def _single(node: onnx.NodeProto, operands: Sequence[tuple[str, Array]]) -> tuple[onnx.ModelProto, Mapping[str, Array]]:
    feeds = {name: array for name, array in operands if name}
    graph = helper.make_graph(
        [node],
        "one",
        [_info(name, array) for name, array in feeds.items()],
        [onnx.ValueInfoProto(name=name) for name in node.output],
    )
    return _model(graph), feeds


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def _info(name: str, array: Array) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def _is_tame(array: Array) -> bool:
    if array.dtype.kind not in "fiub" or not 0 < array.size <= MAX_ELEMENTS:
        return False
    return bool(np.all(np.isfinite(array)) and np.abs(array.astype(np.float64)).max() <= LARGEST)
