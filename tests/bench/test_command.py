"""The command as a user runs it, on the smallest model: tables, files, exit status, and what is skipped or refused."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from bench import __main__ as command
from bench import options
from bench.suites import Kind, Suite

DIGITS = ("--models", "digits", "--threads", "1", "--turns", "1")


def test_a_suite_writes_its_tables_and_everything_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {kind: tmp_path / f"result.{kind}" for kind in ("json", "markdown", "svg")}
    files = ["--json", str(names["json"]), "--markdown", str(names["markdown"]), "--plot", str(names["svg"])]
    assert command.main(["--suite", "cnn", *DIGITS, "--peers", "onnxruntime", *files]) == 0
    printed = capsys.readouterr().out
    assert names["markdown"].read_text() == printed
    assert "best peer / Kiln over 1 models: geometric mean" in printed
    document = json.loads(names["json"].read_text())
    assert [row["engine"] for row in document["results"][0]["measured"]] == ["kiln", "onnxruntime"]
    assert names["svg"].read_text().startswith("<svg")


def test_kernels_are_a_suite_of_kiln_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--suite", "kernels", "--isa", "native", *DIGITS]) == 0
    printed = capsys.readouterr().out
    assert "of the measured peak" in printed
    assert "engines: kiln" in printed and "onnxruntime" not in printed


def test_models_of_an_absent_zoo_are_skipped_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suites = (Suite("small", Kind.LATENCY, ("resnet20", "resnet56"), "models of the zoo"),)
    monkeypatch.setattr(command, "SUITES", suites)
    monkeypatch.setattr(options, "SUITES", suites)
    assert command.main(["--suite", "small", "--zoo", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    for name in ("resnet20", "resnet56"):
        assert f"- {name} was skipped: {name} is a model of the zoo, and there is no file {tmp_path}" in printed.out
        assert f"bench: skipped: {name}" in printed.err


def test_a_model_that_kiln_refuses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensor = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("Unheard", ["x"], ["y"], domain="example.org", name="odd")]
    shapes = [tensor(name, onnx.TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = onnx.helper.make_graph(nodes, "odd", shapes[:1], shapes[1:])
    domains = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("example.org", 1)]
    path = tmp_path / "odd.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=domains, ir_version=8), path)
    assert command.main(["--suite", "kernels", "--models", str(path)]) == 1
    assert "could not be measured: " in capsys.readouterr().out
    assert command.main(["--suite", "cnn", "--models", str(path), "--peers", "onnxruntime", "--threads", "1"]) == 1
    printed = capsys.readouterr().out
    assert "kiln did not run odd: " in printed and "onnxruntime did not run odd: " in printed
    assert "1 thread: nothing to compare; not counted: odd (kiln did not run)" in printed
