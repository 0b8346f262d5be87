"""Models of operator sets before 7, where operators broadcast by rules of their own: upgraded by the onnx
package."""

from __future__ import annotations

from typing import Final

from onnx import ModelProto, NodeProto, TensorProto, shape_inference, version_converter

from frontends.errors import MalformedModel

OLDEST_OPSET: Final = 7
"""The oldest operator set that converters know; the first with numpy's broadcasting."""


def upgraded(model: ModelProto, version: int, name: str) -> ModelProto:
    """The model in operator set 7, if ``version`` is older. Raises MalformedModel if that cannot be done."""
    if version >= OLDEST_OPSET:
        return model
    try:
        converted = version_converter.convert_version(model, OLDEST_OPSET)
    except (RuntimeError, shape_inference.InferenceError, version_converter.ConvertError) as error:
        raise MalformedModel(
            f"{name}: operator set {version} is older than {OLDEST_OPSET}, and onnx.version_converter cannot"
            f" upgrade the model: {error}"
        ) from None
    _spread_slopes(converted, name)
    return converted


def _spread_slopes(model: ModelProto, name: str) -> None:
    """Give every PRelu slope per channel the shape that broadcasts along axis 1, which the converter leaves
    out."""
    nodes = [node for node in model.graph.node if node.op_type == "PRelu"]
    if not nodes:
        return
    ranks = _ranks(model)
    slopes = {tensor.name: tensor for tensor in model.graph.initializer}
    for index, node in enumerate(nodes):
        slope = slopes.get(node.input[1])
        if slope is None or node.input[0] not in ranks:
            raise MalformedModel(
                f"{name}: PRelu {node.name or node.output[0]!r} of an operator set before {OLDEST_OPSET}"
                " needs a constant slope and an input of known rank"
            )
        if len(slope.dims) == 1 and slope.dims[0] > 1:
            _replace_slope(model, node, slope, ranks[node.input[0]], f"{slope.name}/channels{index}")


def _ranks(model: ModelProto) -> dict[str, int]:
    graph = shape_inference.infer_shapes(model).graph
    infos = [*graph.input, *graph.value_info, *graph.output]
    return {
        info.name: len(info.type.tensor_type.shape.dim) for info in infos if info.type.tensor_type.HasField("shape")
    }


def _replace_slope(model: ModelProto, node: NodeProto, slope: TensorProto, rank: int, name: str) -> None:
    spread = model.graph.initializer.add()
    spread.CopyFrom(slope)
    spread.name = name
    spread.dims.extend([1] * (rank - 2))
    node.input[1] = name
