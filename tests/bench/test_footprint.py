"""Footprints: from C and from Python, of fresh processes; what has no program says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import xgboost

import compiler
from bench.footprint import FLOOR, footprints, total_bytes
from bench.latency import prepare
from bench.models.builder import NetworkBuilder
from bench.models.digits import digits_model
from bench.native.programs import NATIVE, SOURCES, FloatModel, build_program
from bench.peers import PEERS
from bench.process import available_processors
from compiler.codegen.toolchain import find_compiler
from compiler.targets import resolve

FOREST = Path(__file__).parent.parent / "frontends" / "xgboost" / "fixtures" / "3.1.3" / "logistic.ubj"


def test_a_footprint_has_the_floor_and_every_engine(tmp_path: Path) -> None:
    model = prepare("digits", digits_model(), ["onnxruntime"], tmp_path)
    table = footprints(model, 1, repeats=2)
    floor, engine = table.rows
    assert (floor.engine, engine.engine) == (FLOOR, "onnxruntime")
    assert engine.first_result_seconds > engine.load_seconds > 0 < floor.first_result_seconds
    assert engine.peak_bytes > floor.peak_bytes > floor.private_bytes > 5 << 20
    assert engine.peak_bytes >= engine.private_bytes > floor.private_bytes
    assert engine.model_bytes == (tmp_path / "digits.onnx").stat().st_size
    assert engine.runtime_bytes > 10 << 20, "ONNX Runtime's library alone is larger"


def test_programs_in_c_give_the_same_result_without_python(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    table = footprints(prepare("digits", digits_model(), list(NATIVE), tmp_path), 1, repeats=1)
    assert table.native_failures == {}
    assert [row.engine for row in table.native] == list(NATIVE)
    kiln, *peers = table.native
    assert all(row.difference is not None and row.difference < 1e-5 for row in peers)
    assert all(0 < row.load_seconds < row.first_result_seconds for row in table.native)
    assert kiln.beyond_weights < min(row.beyond_weights for row in peers)
    initializers = onnx.load(tmp_path / "digits.onnx").graph.initializer
    assert table.weight_bytes == sum(len(t.raw_data) for t in initializers if t.data_type == onnx.TensorProto.FLOAT)


def test_the_program_runs_a_dynamic_batch(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(150, 4)).astype(np.float32)
    c_compiler = find_compiler(resolve("host"))
    with compiler.compile(FOREST) as artifact:
        around = FloatModel("data", "prediction", rows)
        program = build_program("kiln", artifact.directory, around, 2, c_compiler, tmp_path)
        result = program.run(set(available_processors()), {})
    assert 0 < result.load_seconds < result.first_result_seconds
    booster = xgboost.Booster(model_file=FOREST)
    np.testing.assert_array_equal(program.result(), booster.predict(xgboost.DMatrix(rows)))


def test_a_model_of_two_inputs_has_no_program(tmp_path: Path) -> None:
    net = NetworkBuilder("sum", 0)
    net.op("Add", "a", "b")
    net.name_last("sum")
    model = prepare("sum", net.model({"a": (4,), "b": (4,)}, {"sum": (4,)}), ["onnxruntime"], tmp_path)
    table = footprints(model, 1, repeats=1)
    assert table.native == ()
    assert "one input and one output of float32" in table.native_failures["onnxruntime"]
    assert len(table.rows) == 2, "from Python it is measured all the same"


def test_programs_and_sources_are_one_for_one() -> None:
    assert {path.stem for path in SOURCES.glob("*.c")} == NATIVE.keys() <= PEERS.keys()


def test_total_bytes_looks_into_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_bytes(b"12345")
    (tmp_path / "y").write_bytes(b"67")
    assert total_bytes([tmp_path / "a", tmp_path / "y"]) == 7
