"""Models with a dynamic batch end to end: forests by default, other models on demand, here and for other machines."""

from __future__ import annotations

import filecmp
from pathlib import Path

import numpy as np
import onnx
import pytest
import xgboost
from onnx import TensorProto, helper

import compiler
import runtime
from compiler.batching import FEWER_ROWS, ROWS_PER_VECTOR_BYTE
from compiler.build import main
from compiler.ir import parse_graph
from compiler.targets import resolve
from frontends.xgboost import Prediction
from runtime.selftest import selftest
from tests.driver.conftest import small_model
from tests.emulation import skip_without_emulator

FIXTURES = Path(__file__).parent.parent / "frontends" / "xgboost" / "fixtures" / "3.1.3"

MLP = """graph "mlp" (%0 "x": f32[1,5]) {
  %1 = constant() {value = dense<f32[5,7]: WEIGHTS>} : f32[5,7]
  %2 = matmul(%0, %1) {transpose_b = false} : f32[1,7]
  %3 = tanh(%2) : f32[1,7]
  %4 = reduce_sum(%3) {axes = [1], keep = true} : f32[1,1]
  %5 = div(%3, %4) : f32[1,7]
  return %5 "y"
}""".replace("WEIGHTS", ", ".join(["0.25"] * 35))


def rows(count: int) -> np.ndarray:
    x = np.random.default_rng(5).normal(size=(count, 4)).astype(np.float32)
    x[:, 3] = np.arange(count) % 7
    x[::3, 1] = np.nan
    return x


def sizes(tile: int) -> tuple[int, ...]:
    """Numbers of rows around all tiles, and some that threads share in several ways."""
    around = {rows + more for rows in (FEWER_ROWS, tile, 2 * tile) for more in (-1, 0, 1)}
    return (0, 1, 2, 9, *sorted(around), 3 * FEWER_ROWS + 5, tile + 2 * FEWER_ROWS, 3 * tile + 7, 5 * tile + 200)


@pytest.mark.parametrize("name", ["logistic", "softprob", "partition", "linear"])
def test_a_model_of_trees_takes_any_number_of_rows(name: str) -> None:
    path = FIXTURES / f"{name}.ubj"
    booster = xgboost.Booster(model_file=path)
    with compiler.compile(Prediction(path, "margin")) as artifact:
        assert "2 random inputs of up to" in artifact.report.verification
        for threads in (1, 2, 3):
            with runtime.Model(artifact.directory, threads=threads) as model:
                assert model.inputs["data"].shape == (None, 4)
                assert model.outputs["margin"].shape[0] is None
                assert all(comparison.passed for comparison in selftest(model))
                for count in sizes(model.row_tile):
                    x = rows(count)
                    got = model.run({"data": x})["margin"]
                    want = booster.predict(xgboost.DMatrix(x), output_margin=True) if count else np.zeros(got.shape)
                    np.testing.assert_array_equal(got, want.astype(np.float32))


@pytest.mark.parametrize("name", ["logistic", "softprob"])
def test_predictions_are_the_same_bits_on_any_threads(name: str) -> None:
    """Also those of softmax, whose sum may have another order for a tile than for a row."""
    with compiler.compile(FIXTURES / f"{name}.ubj") as artifact:
        plan = artifact.report.plan
        assert plan.batch is not None
        assert plan.batch.same_results == (name != "softprob")
        models = [runtime.Model(artifact.directory, threads=threads) for threads in (1, 2, 3)]
    for count in sizes(models[0].row_tile):
        first, *others = (model.run({"data": rows(count)})["prediction"] for model in models)
        for other in others:
            np.testing.assert_array_equal(first, other)


def test_base_margins_are_rows_too() -> None:
    path = FIXTURES / "softprob.ubj"
    shapes = {"data": (1, 4), "base_margin": (1, 3)}
    with compiler.compile(path, inputs=shapes, dynamic_batch=True) as artifact:
        assert "agree with xgboost" in artifact.report.verification
        model = runtime.Model(artifact.directory)
    assert [spec.shape for spec in model.inputs.values()] == [(None, 4), (None, 3)]
    with pytest.raises(runtime.TensorShapeError, match=r"'base_margin': expected shape \[9, 3\], got \[8, 3\]"):
        model.run({"data": rows(9), "base_margin": np.zeros((8, 3), np.float32)})


def test_a_shape_fixes_the_batch() -> None:
    path = FIXTURES / "logistic.ubj"
    for artifact in (compiler.compile(path, inputs={"data": (1, 4)}), compiler.compile(path, dynamic_batch=False)):
        with artifact:
            assert artifact.manifest.inputs["data"].shape == (1, 4)
            assert runtime.Model(artifact.directory).row_tile == 0


def test_a_network_that_computes_row_by_row() -> None:
    with compiler.compile(parse_graph(MLP), dynamic_batch=True) as artifact:
        model = runtime.Model(artifact.directory, threads=2)
    for count in sizes(model.row_tile):
        x = np.abs(rows(count)[:, [0, 2, 3, 0, 2]]) + 1
        z = np.tanh(x @ np.full((5, 7), 0.25, np.float32))
        np.testing.assert_allclose(model.run({"x": x})["y"], z / z.sum(1, keepdims=True), rtol=1e-5)


def onnx_mlp(path: Path) -> Path:
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 3], [0.1 * i - 0.5 for i in range(12)])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["product"]), helper.make_node("Softmax", ["product"], ["y"], axis=1)],
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [weights],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = onnx_mlp(tmp_path / "mlp.onnx"), tmp_path / "out"
    assert main([str(model), "--input", "x:1,4", "--dynamic-batch", "-o", str(out)]) == 0
    text = capsys.readouterr().out
    assert "any number of rows, " in text
    assert "agree with onnx" in text
    assert runtime.Model(out).run({"x": np.ones((3, 4), np.float32)})["y"].shape == (3, 3)
    assert main([str(FIXTURES / "logistic.json"), "--report", str(tmp_path / "r.html"), "-o", str(out)]) == 0
    assert "any number of rows, " in capsys.readouterr().out
    assert main([str(FIXTURES / "logistic.json"), "--input", "data:3,4", "-o", str(out)]) == 0
    assert "any number" not in capsys.readouterr().out


def test_a_model_that_mixes_rows_is_refused() -> None:
    with pytest.raises(compiler.BuildError, match=r"'Concat_0' \(concat\) does not compute each row by itself"):
        compiler.compile(small_model(), inputs={"x": (1, 4)}, dynamic_batch=True)
    with pytest.raises(compiler.BuildError, match="of one row, dimension 0 must be 1"):
        compiler.compile(small_model(), inputs={"x": (2, 4)}, dynamic_batch=True)


def test_constants_lie_once_in_the_weights() -> None:
    path = FIXTURES / "logistic.ubj"
    row = {"data": (1, 4)}
    with compiler.compile(path, verify=False) as dynamic, compiler.compile(path, inputs=row, verify=False) as fixed:
        plan = dynamic.report.plan
        assert plan.batch is not None
        assert all(plan.weights == tile.plan.weights for tile in plan.batch.smaller)
        contents = [(weight.literal.digest, weight.type) for weight in plan.weights]
        assert len(set(contents)) == len(contents)
        stored = {weight.literal.bytes_digest for weight in plan.weights}  # constants of other shapes may lie there too
        assert {weight.literal.bytes_digest for weight in fixed.report.plan.weights} <= stored
        names = [call.name for program in plan.programs for call in program.calls]
        assert names == [kernel.name for kernel in dynamic.manifest.kernels]
        endings = (f"[{plan.batch.rows} rows]", *(f"[{tile.rows} rows]" for tile in plan.batch.smaller[:-1]), "[1 row]")
        assert all(name.endswith(endings) for name in names)
        assert {ending for ending in endings if any(name.endswith(ending) for name in names)} == {*endings}


def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    for name, cache in (("a", None), ("b", tmp_path / "cold cache")):
        with compiler.compile(FIXTURES / "logistic.ubj", cache_dir=cache) as artifact:
            artifact.save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", files, shallow=False) == (files, [], [])


def test_another_machine() -> None:
    skip_without_emulator("arm_cortex_a72")
    target = resolve("arm_cortex_a72")
    with compiler.compile(FIXTURES / "softprob.ubj", target) as artifact:
        assert "agree with xgboost" in artifact.report.verification
        assert "qemu" in artifact.report.verification
        batch = artifact.report.plan.batch
    assert batch is not None
    assert batch.rows == ROWS_PER_VECTOR_BYTE * target.vector_bytes
    assert [tile.rows for tile in batch.smaller] == [1]
