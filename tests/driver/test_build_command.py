"""``python -m compiler.build``: arguments, text and exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import runtime
from compiler.arguments import binding, input_type
from compiler.build import main
from compiler.ir import DType, TensorType


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "python -m compiler.build model.onnx --target arm_cortex_a72" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["m.onnx", "--input", "x"],
        ["m.onnx", "--input", "x:1,2:f23"],
        ["m.onnx", "--input", "x:1,2", "--input", "x:1,3"],
        ["m.onnx", "--bind", "x=1", "--bind", "x=2"],
        ["m.onnx", "--bind", "x"],
        ["m.onnx", "--bind", "x=[1"],
        ["m.onnx", "--bind", "x=@/no/such/file.npy"],
        ["m.onnx", "--jobs", "0"],
        ["m.onnx", "--precision", "int3"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_inputs_and_bindings_as_typed(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.arange(3))
    assert input_type("image:1,3,224,224") == ("image", (1, 3, 224, 224))
    assert input_type("input:0:1,8") == ("input:0", (1, 8))
    assert input_type("ids:1,128:i64") == ("ids", TensorType(DType.I64, (1, 128)))
    assert input_type("alpha:") == ("alpha", ())
    assert binding("k=3")[1] == 3
    np.testing.assert_array_equal(binding("s=[1.5,2]")[1], [1.5, 2])
    np.testing.assert_array_equal(binding(f"v=@{tmp_path / 'v.npy'}")[1], [0, 1, 2])


def test_a_build_from_the_command_line(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(model_file), "--input", "x:2,4", "-v"]) == 0
    printed = capsys.readouterr().out
    assert "small.tar.gz" in printed and "kernels" in printed and "agree with onnx" in printed
    assert runtime.Model("small.tar.gz").inputs["x"].shape == (2, 4)


def test_an_unknown_target_is_one_error(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(model_file), "--target", "arm_cortex_b72"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_an_unknown_pass_is_one_error(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(model_file), "--input", "x:2,4", "--passes", "standard,polish"]) == 2
    assert "polish" in capsys.readouterr().err
