"""What tests of the driver share: one cache for all of them, and models that take no time to compile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from compiler.ir import save_graph
from tests.model_tuner.samples import network


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kernels, once compiled, serve all tests of a process."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("KILN_CACHE", str(shared_cache))
    yield


def small_model() -> onnx.ModelProto:
    """``y = relu(x @ w) + 1``, ``z = concat(x, x)``, for x f32[N, 4]."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["product"], "MatMul_0"),
            helper.make_node("Relu", ["product"], ["positive"], "Relu_0"),
            helper.make_node("Add", ["positive", "one"], ["y"], "Add_0"),
            helper.make_node("Concat", ["x", "x"], ["z"], "Concat_0", axis=0),
        ],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("z", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor("w", TensorProto.FLOAT, [4, 3], [0.1 * i - 0.5 for i in range(12)]),
            helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """The small model as a file."""
    path = tmp_path / "small.onnx"
    onnx.save(small_model(), path)
    return path


@pytest.fixture
def kiln_file(tmp_path: Path) -> Path:
    """Two convolutions, one behind the other, whose kernels have spaces."""
    path = tmp_path / "net.kiln"
    save_graph(network(), path)
    return path
