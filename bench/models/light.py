"""The nine real architectures inside the `onnx` package, given weights under which their outputs mean
something.

The package ships them "light": every large weight is a ConstantOfShape of 0.02, so that all channels are
equal and outputs hardly depend on the input. Here each constant is replaced by a seeded array that suits its
role.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from bench.models import weights

LIGHT_DIRECTORY = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

LIGHT_MODELS = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)

# Where a constant is used: the operator and the position among its inputs.
Role = tuple[str, int]

# Operators through which a parameter reaches its user unchanged but for its shape.
SHAPE_ONLY = ("Unsqueeze", "Reshape")

# Stands for the operator in the role of a BatchNormalization scale whose result goes straight into a Sum.
RESIDUAL = "BatchNormalization before Sum"


def light_model(name: str) -> onnx.ModelProto:
    """The light network `name` (one of LIGHT_MODELS) as the onnx package ships it."""
    return onnx.load(LIGHT_DIRECTORY / f"light_{name}.onnx")


Initializer = Callable[[np.random.Generator, tuple[int, ...]], weights.Floats]

VALUES: dict[Role, Initializer] = {
    # Of the nine only ShuffleNet has depthwise layers, without a ReLU behind them.
    ("Conv", 1): lambda rng, shape: weights.filters(rng, shape, depthwise_gain=0.5),
    ("Conv", 2): lambda rng, shape: weights.around(rng, shape, 0.0, 0.1),
    ("Gemm", 1): weights.filters,
    ("Gemm", 2): lambda rng, shape: weights.around(rng, shape, 0.0, 0.1),
    ("BatchNormalization", 1): lambda rng, shape: weights.around(rng, shape, 1.0, 0.2),
    ("BatchNormalization", 2): lambda rng, shape: weights.around(rng, shape, 0.0, 0.1),
    ("BatchNormalization", 3): lambda rng, shape: weights.around(rng, shape, 0.0, 0.1),
    ("BatchNormalization", 4): lambda rng, shape: weights.around(rng, shape, 1.0, 0.2),
    # A residual network adds up its branches: were each as large as the trunk, the signal would double per
    # block.
    (RESIDUAL, 1): lambda rng, shape: weights.around(rng, shape, 0.5, 0.1),
    # The scale and shift that these networks apply after a normalization as operators of their own.
    ("Mul", 1): lambda rng, shape: weights.around(rng, shape, 1.0, 0.2),
    ("Add", 1): lambda rng, shape: weights.around(rng, shape, 0.0, 0.1),
}


def randomize_light_model(name: str, seed: int = 0) -> onnx.ModelProto:
    """The light network `name` with every float parameter seeded; same name and seed, same bytes.

    Parameters become initializers, so the model is also in the form in which exporters write real ones.
    """
    model = light_model(name)
    graph = model.graph
    rng = np.random.default_rng(seed)
    roles = _roles(graph)
    parameters = {
        parameter: VALUES[roles[parameter]](rng, shape)
        for parameter, shape in _parameter_shapes(graph).items()
        if parameter in roles
    }
    nodes = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    read = {name for node in nodes for name in node.input}
    stored = {tensor.name for tensor in graph.initializer}
    tensors = [t for t in graph.initializer if t.name in read and t.name not in parameters]
    tensors += [numpy_helper.from_array(array, parameter) for parameter, array in parameters.items()]
    graph = onnx.helper.make_graph(
        nodes, graph.name, [v for v in graph.input if v.name not in stored], list(graph.output), tensors
    )
    # From version 4 of the format on, an initializer need not be a graph input as well.
    return onnx.helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=8)


def _parameter_shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """The shape of every float parameter: the results of ConstantOfShape, then the stored tensors."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    shapes = {
        node.output[0]: tuple(int(d) for d in numpy_helper.to_array(stored[node.input[0]]))
        for node in graph.node
        if node.op_type == "ConstantOfShape"
    }
    shapes |= {t.name: tuple(t.dims) for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    return shapes


def _roles(graph: onnx.GraphProto) -> dict[str, Role]:
    """What each tensor is used for, seen through the operators that only change a shape."""
    roles: dict[str, Role] = {}
    for node in reversed(graph.node):  # users before what they use
        result = roles.get(node.output[0], ("", 0))
        for position, name in enumerate(node.input):
            if node.op_type in SHAPE_ONLY and position == 0:
                roles[name] = result
            elif node.op_type == "BatchNormalization" and position == 1 and result[0] == "Sum":
                roles[name] = (RESIDUAL, 1)
            else:
                roles[name] = (node.op_type, position)
    return roles
