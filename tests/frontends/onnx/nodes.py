"""One-node ONNX models, run by the importer with the reference interpreter and by a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import helper, reference

from compiler.ir import evaluate, verify
from compiler.ir.literal import Array
from frontends import onnx as frontend

Attribute = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]


def node_model(
    op_type: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Attribute] | None = None,
    *,
    opset: int = 21,
    outputs: int = 1,
    constants: Sequence[int] = (),
) -> onnx.ModelProto:
    """A model of one node. ``None`` is an omitted input; the inputs numbered ``constants`` are initializers."""
    names = ["" if array is None else f"x{i}" for i, array in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    given = [(f"x{i}", array, i) for i, array in enumerate(inputs) if array is not None]
    node = helper.make_node(op_type, names, results, name="node")
    node.attribute.extend(helper.make_attribute(name, value) for name, value in (attributes or {}).items())
    graph = helper.make_graph(
        [node],
        "test",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array, i in given
            if i not in constants
        ],
        [onnx.ValueInfoProto(name=name) for name in results],
        [onnx.numpy_helper.from_array(array, name) for name, array, i in given if i in constants],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def arguments(model: onnx.ModelProto, inputs: Sequence[Array | None]) -> dict[str, Array]:
    """The run-time inputs of a model made by ``node_model``."""
    names = {info.name for info in model.graph.input}
    return {f"x{i}": array for i, array in enumerate(inputs) if f"x{i}" in names and array is not None}


def imported(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """The outputs by our importer and reference interpreter."""
    graph = frontend.load(model)
    verify(graph)
    return list(evaluate(graph, inputs).values())


def by_onnxruntime(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """The outputs by ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return [np.asarray(output) for output in session.run(None, dict(inputs))]


def by_onnx(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """The outputs by the onnx package's own reference."""
    return [np.asarray(output) for output in reference.ReferenceEvaluator(model).run(None, dict(inputs))]


def check_node(
    op_type: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Attribute] | None = None,
    *,
    opset: int = 21,
    outputs: int = 1,
    constants: Sequence[int] = (),
    framework: str = "onnxruntime",
    atol: float = 1e-5,
) -> list[Array]:
    """Assert that importer and framework agree on one node; returns our outputs.

    ``framework`` is "onnxruntime", "onnx" for the onnx package's reference, or "none" to compare nothing.
    """
    model = node_model(op_type, inputs, attributes, opset=opset, outputs=outputs, constants=constants)
    feeds = arguments(model, inputs)
    ours = imported(model, feeds)
    runners = {"onnxruntime": by_onnxruntime, "onnx": by_onnx, "none": lambda model, inputs: ours}
    theirs = runners[framework](model, feeds)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=atol)
    return ours


def random(*shape: int, seed: int = 0, dtype: type[np.generic] = np.float32) -> Array:
    """Normally distributed numbers; integers are uniform over [-20, 20), or [0, 40) if unsigned."""
    generator = np.random.default_rng((seed, *shape))
    if np.issubdtype(dtype, np.floating):
        return generator.standard_normal(shape).astype(dtype)
    low = 0 if np.issubdtype(dtype, np.unsignedinteger) else -20
    return generator.integers(low, low + 40, shape).astype(dtype)
