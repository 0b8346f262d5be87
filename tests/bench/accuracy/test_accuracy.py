"""The suite `accuracy`: distances are those from float64, a broken kernel is noticed, and the table says both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from bench import __main__ as command
from bench.accuracy.measure import DIRECT, LIMIT, Accuracy, accuracy, measure_accuracy
from bench.accuracy.report import accuracy_text
from bench.latency import SUBJECT
from bench.report import Outcome, as_json, as_markdown
from bench.suites import SUITES, Kind
from compiler.ir import Literal
from compiler.passes.layouts import alternatives
from tests.bench.accuracy.networks import convolutions

EXACT = {"y": np.array([4.0, -2.0, 1.0])}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds of these tests leave nothing in the user's cache."""
    monkeypatch.setenv("KILN_CACHE", str(tmp_path_factory.mktemp("cache")))


def given(kiln: float, direct: float) -> Accuracy:
    """The verdict on results that are off by so much in their largest element."""
    outputs = {
        name: {"y": (EXACT["y"] + [off, 0, 0]).astype(np.float32)}
        for name, off in ((SUBJECT, kiln), (DIRECT, direct), ("other", 0.0))
    }
    return accuracy("net", "host", {2: 1, 4: 3}, outputs, EXACT, {"absent": "absent is not installed"})


def test_distances_are_relative_to_the_largest_magnitude() -> None:
    measured = given(kiln=0.002, direct=-0.001)
    assert measured.errors == pytest.approx({SUBJECT: 0.0005, DIRECT: 0.00025, "other": 0.0}, rel=1e-3)
    assert measured.change == pytest.approx(0.00075, rel=1e-3)
    assert measured.is_within_limit


@pytest.mark.parametrize(
    ("kiln", "direct"),
    [(0.003, -0.003), (0.01, 0.01), (float("nan"), 0.0)],
    ids=["the algorithm changes too much", "another kernel is wrong", "a result is no number"],
)
def test_too_large_a_distance_is_no_pass(kiln: float, direct: float) -> None:
    assert not given(kiln, direct).is_within_limit


def test_what_did_not_run_is_no_pass() -> None:
    measured = accuracy("net", "host", {}, {DIRECT: EXACT}, EXACT, {SUBJECT: "it ended with status 11"})
    assert measured.change is None and not measured.is_within_limit
    assert f"{SUBJECT} did not run net: it ended with status 11" in accuracy_text([measured])


def test_the_table_has_a_column_per_engine() -> None:
    text = accuracy_text([given(0.002, 0.0), given(0.2, 0.0)])
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    assert rows[0][2:] == [SUBJECT, DIRECT, "other", "absent", "change by winograd", "verdict"]
    assert rows[2][1:] == ["1 of 2x2, 3 of 4x4", "5.0e-04", "0.0e+00", "0.0e+00", "did not run", "5.0e-04", "pass"]
    assert rows[3][-1] == "FAIL"
    assert "are at most 0.001 on 1 of 2 models" in text
    assert "absent did not run net: absent is not installed" in text


def test_results_go_into_the_report() -> None:
    outcome = Outcome("accuracy", {"kiln": "0"}, [given(0.002, 0.0)])
    assert accuracy_text([given(0.002, 0.0)]) in as_markdown(outcome)
    (result,) = json.loads(json.dumps(as_json(outcome)))["results"]
    assert result["winograd"] == {"2": 1, "4": 3}
    assert result["change"] == pytest.approx(0.0005, rel=1e-3)


def test_a_network_is_measured_with_and_without_winograd(tmp_path: Path) -> None:
    measured = measure_accuracy("net", convolutions(), ["onnxruntime"], tmp_path)
    assert sum(measured.winograd.values()) == 2 and measured.winograd.keys() <= {2, 4}
    assert list(measured.errors) == [SUBJECT, DIRECT, "onnxruntime"]
    assert all(0 < error < 1e-5 for error in measured.errors.values())
    assert measured.change is not None and 0 < measured.change < 2e-5, "the two builds are different kernels"
    assert measured.is_within_limit


def test_a_broken_kernel_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = alternatives.winograd_weights

    def wrong(weights: Literal, outputs: int) -> Literal:
        return Literal(right(weights, outputs).array * np.float32(1.01))

    monkeypatch.setattr(alternatives, "winograd_weights", wrong)
    measured = measure_accuracy("net", convolutions(), [], tmp_path)
    assert measured.errors[DIRECT] < 1e-5
    assert measured.change is not None and measured.change > LIMIT < measured.errors[SUBJECT]
    assert not measured.is_within_limit


def test_the_command_fails_on_what_is_not_accurate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(convolutions(), tmp_path / "net.onnx")
    arguments = ["--suite", "accuracy", "--models", str(tmp_path / "net.onnx"), "--peers", "onnxruntime"]
    assert command.main(arguments) == 0
    assert "at most 0.001 on 1 of 1 models" in capsys.readouterr().out
    monkeypatch.setattr(command, "measure_accuracy", lambda *_: given(0.1, 0.0))
    assert command.main(arguments) == 1


def test_a_model_without_a_meaning_in_float64_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensor = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("BitCast", ["x"], ["y"], name="bits", to=onnx.TensorProto.INT32)]
    outputs = [tensor("y", onnx.TensorProto.INT32, [4])]
    graph = onnx.helper.make_graph(nodes, "odd", [tensor("x", onnx.TensorProto.FLOAT, [4])], outputs)
    path = tmp_path / "odd.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 26)]), path)
    assert command.main(["--suite", "accuracy", "--models", str(path), "--peers", ""]) == 1
    assert "odd.onnx could not be measured: bits has no meaning in float64" in capsys.readouterr().out


def test_the_suite_runs_on_one_thread(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--suite", "accuracy", "--models", "digits", "--threads", "2"])
    assert "results do not depend on how many there are" in capsys.readouterr().err


def test_the_suite_is_of_networks_of_the_suite_cnn() -> None:
    models = {suite.kind: set(suite.models) for suite in SUITES if suite.name in ("cnn", "accuracy")}
    assert {"resnet50", "light_vgg19", "resnet20"} <= models[Kind.ACCURACY] < models[Kind.LATENCY]
