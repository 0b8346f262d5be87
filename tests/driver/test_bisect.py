"""``compiler.bisect`` names a wrong pass and a wrong kernel that come from outside the tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import compiler
from compiler.bisect import main
from compiler.bisection import bisect, expose_results
from compiler.codegen.plan.arena import Interval, Packing
from compiler.driver import Settings
from compiler.ir import evaluate, parse_graph
from compiler.source import Source
from compiler.targets import resolve
from compiler.verification import Answer
from tests.driver.wrong_template import UnsignedTanh

HERE = Path(__file__).parent


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Products, a softmax, and a tanh that is also an output, so that it is a kernel of its own."""
    weights = np.random.default_rng(0).standard_normal((6, 6)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["a"], "MatMul_0"),
            helper.make_node("Relu", ["a"], ["b"], "Relu_0"),
            helper.make_node("Softmax", ["b"], ["c"], "Softmax_0", axis=-1),
            helper.make_node("Tanh", ["x"], ["t"], "Tanh_0"),
            helper.make_node("Add", ["t", "c"], ["d"], "Add_0"),
            helper.make_node("MatMul", ["d", "w"], ["y"], "MatMul_1"),
        ],
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 6]) for name in ("y", "t")],
        [helper.make_tensor("w", TensorProto.FLOAT, [6, 6], weights.reshape(-1))],
    )
    path = tmp_path / "two.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Data for the model, whose shape sets N."""
    path = tmp_path / "x.npz"
    np.savez(path, x=np.random.default_rng(1).standard_normal((3, 6)).astype(np.float32))
    return path


def test_a_right_model_has_no_culprit(model: Path, inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(model), "--input", str(inputs)]) == 0
    assert "right on this input" in capsys.readouterr().out


def test_a_wrong_pass_is_named(model: Path, inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = "canonicalize,tanh-is-sigmoid,fuse"
    arguments = ["--load", str(HERE / "wrong_pass.py"), "--passes", pipeline]
    assert main([str(model), "--input", str(inputs), *arguments]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("pass: tanh-is-sigmoid\n")
    assert "'Tanh_0'" in printed


def test_a_wrong_kernel_is_named(model: Path, inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--load", str(HERE / "wrong_template.py")]
    assert main([str(model), "--input", str(inputs), *arguments]) == 1
    kind, _, culprit = capsys.readouterr().out.partition("\n")[0].partition(": ")
    assert kind == "kernel"
    assert "Tanh_0" in culprit
    assert "MatMul" not in culprit


def test_the_build_refuses_a_wrong_kernel(model: Path) -> None:
    with pytest.raises(compiler.VerificationError, match="output 't'"):
        compiler.compile(model, inputs={"x": (3, 6)}, schedules=[UnsignedTanh])


def test_a_wrong_plan_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that are right alone, in an arena where everything lies at one place."""
    graph = parse_graph(
        'graph "g" (%0 "x": f32[4,8]) {\n%1 = neg(%0) : f32[4,8]\n'
        "%2 = transpose(%1) {permutation = [1, 0]} : f32[8,4]\n%3 = reshape(%2) {shape = [4, 8]} : f32[4,8]\n"
        "%4 = add(%1, %3) : f32[4,8]\n%5 = transpose(%4) {permutation = [1, 0]} : f32[8,4]\n"
        'return %5 "y"\n}'
    )
    inputs = {"x": np.arange(32, dtype=np.float32).reshape(4, 8)}
    settings = Settings(resolve("host"), pipeline="")
    assert bisect(Source(graph), inputs, settings) is None

    def everything_at_zero(intervals: Sequence[Interval]) -> Packing:
        return Packing(tuple(0 for _ in intervals), max((i.bytes for i in intervals), default=0))

    monkeypatch.setattr("compiler.codegen.plan.assemble.pack_arena", everything_at_zero)
    finding = bisect(Source(graph), inputs, settings)
    assert finding is not None and finding.stage == "plan"


def test_a_wrong_import_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(model, {"x": (3, 6)})
    lie = Answer({"y": np.zeros((3, 6), np.float32), "t": np.zeros((3, 6), np.float32)}, "another framework")
    monkeypatch.setattr(Source, "ask", lambda *_: lie)
    inputs = {"x": np.ones((3, 6), np.float32)}
    finding = bisect(source, inputs, Settings(resolve("host")))
    assert finding is not None and finding.stage == "import" and "another framework" in finding.detail


def test_exposed_results_are_those_of_kernels() -> None:
    graph = parse_graph(
        'graph "g" (%0 "x": f32[4]) {\n%1 = neg(%0) : f32[4]\n%2 = reshape(%1) {shape = [2, 2]} : f32[2,2]\n'
        '%3 = abs(%2) : f32[2,2]\nreturn %3 "y"\n}'
    )
    exposed, names = expose_results(graph)
    assert list(names.values()) == ["kiln.0.0", "kiln.2.0"]
    results = evaluate(exposed, {"x": np.arange(4, dtype=np.float32)})
    np.testing.assert_array_equal(results["kiln.0.0"], [-0.0, -1, -2, -3])


def test_a_file_that_is_no_npz(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.npz").write_text("nothing")
    np.save(tmp_path / "one.npy", np.zeros(3))
    for name in ("bad.npz", "one.npy"):
        assert main([str(model), "--input", str(tmp_path / name)]) == 1
        assert f"{name}: not an .npz file of arrays by name" in capsys.readouterr().err
