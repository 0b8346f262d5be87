"""Writing an ONNX network layer by layer, with seeded weights.

Owns names of nodes and tensors and the layers that several networks share. Knows no particular network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from bench.models import weights

OPSET = 17
IR_VERSION = 8  # the one that opset 17 came with, so that old runtimes load the model too

# One dimension per entry; a string is a symbolic dimension.
Shape = Sequence[int | str]


Attribute = int | float | str | Sequence[int]


def node(op_type: str, inputs: Sequence[str], result: str, **attributes: Attribute) -> onnx.NodeProto:
    """One ONNX node with one result, after which the node is named."""
    proto = helper.make_node(op_type, inputs, [result], name=f"node_{result}")
    proto.attribute.extend(helper.make_attribute(name, value) for name, value in sorted(attributes.items()))
    return proto


class NetworkBuilder:
    """Collects nodes and initializers; every method that adds a layer returns the name of its result."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.rng = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []

    def constant(self, array: NDArray[np.generic], label: str) -> str:
        """A stored tensor."""
        name = f"{label}_{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def scalar(self, value: float) -> str:
        """A stored float32 of rank 0."""
        return self.constant(np.array(value, np.float32), "scalar")

    def op(self, op_type: str, *inputs: str, **attributes: Attribute) -> str:
        """One node with one result, which is named after the operator and its position."""
        result = f"{op_type.lower()}_{len(self._nodes)}"
        self._nodes.append(node(op_type, inputs, result, **attributes))
        return result

    def name_last(self, result: str) -> None:
        """Give the result of the last node the name that users see."""
        self._nodes[-1].output[0] = result

    def conv(self, x: str, c_in: int, c_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> str:
        """A convolution over NCHW without bias; an odd kernel at stride 1 keeps the size of the image."""
        weight = weights.filters(self.rng, (c_out, c_in // groups, kernel, kernel), depthwise_gain=1.5)
        return self.op(
            "Conv",
            x,
            self.constant(weight, "conv_weight"),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[(kernel - 1) // 2] * 4,
            group=groups,
        )

    def patches(self, x: str, c_in: int, c_out: int, size: int) -> str:
        """A convolution with bias over adjacent squares of size x size pixels."""
        weight = self.constant(weights.filters(self.rng, (c_out, c_in, size, size)), "patch_weight")
        bias = self.constant(weights.around(self.rng, (c_out,), 0.0, 0.1), "patch_bias")
        return self.op("Conv", x, weight, bias, kernel_shape=[size, size], strides=[size, size])

    def batch_norm(self, x: str, channels: int, *, scale: float = 1.0) -> str:
        """A batch normalization in inference form, its learned scale around `scale`."""
        parameters = (
            ("scale", scale, 0.2 * scale),
            ("shift", 0.0, 0.1),
            ("mean", 0.0, 0.1),
            ("variance", 1.0, 0.2),
        )
        names = [
            self.constant(weights.around(self.rng, (channels,), centre, spread), f"norm_{label}")
            for label, centre, spread in parameters
        ]
        return self.op("BatchNormalization", x, *names, epsilon=1e-5)

    def relu6(self, x: str) -> str:
        """min(max(x, 0), 6)."""
        return self.op("Clip", x, self.scalar(0.0), self.scalar(6.0))

    def linear(self, x: str, d_in: int, d_out: int) -> str:
        """x[..., d_in] @ weight + bias, as MatMul and Add."""
        weight = self.rng.standard_normal((d_in, d_out), dtype=np.float32) / np.float32(np.sqrt(d_in))
        product = self.op("MatMul", x, self.constant(weight, "linear_weight"))
        return self.op("Add", product, self.constant(weights.around(self.rng, (d_out,), 0.0, 0.1), "linear_bias"))

    def layer_norm(self, x: str, width: int) -> str:
        """A layer normalization over the last axis."""
        scale = self.constant(weights.around(self.rng, (width,), 1.0, 0.2), "norm_scale")
        shift = self.constant(weights.around(self.rng, (width,), 0.0, 0.1), "norm_shift")
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-5)

    def gelu(self, x: str) -> str:
        """x/2 * (1 + erf(x / sqrt 2)), in the five operators that exporters write before opset 20."""
        inner = self.op("Erf", self.op("Div", x, self.scalar(float(np.sqrt(2.0)))))
        return self.op("Mul", self.op("Mul", x, self.op("Add", inner, self.scalar(1.0))), self.scalar(0.5))

    def model(self, inputs: dict[str, Shape], outputs: dict[str, Shape]) -> onnx.ModelProto:
        """The finished network, checked by onnx; all inputs and outputs are float32."""
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            self._initializers,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="kiln.bench",
        )
        onnx.checker.check_model(model, full_check=True)
        return model
