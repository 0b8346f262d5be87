"""The examples in ``examples/extensions``: a pass, an op, a target and a template from outside the tree, one file each,
together in one build, from Python and from the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

import compiler
import runtime
from compiler.cli import load_files
from compiler.codegen.extensions import ExtensionError
from compiler.codegen.toolchain import how_to_run
from compiler.targets import resolve
from tests.docs.markdown import REPOSITORY

EXTENSIONS = REPOSITORY / "examples" / "extensions"
FILES = tuple(EXTENSIONS / name for name in ("my_op.py", "my_pass.py", "my_template.py"))
BOARD = f"{EXTENSIONS / 'my_target.py'}:BEAGLEPLAY"
PIPELINE = "use-silu,standard"

TEXT = """
    <ir_version: 9, opset_import: ["": 17]>
    gated (float[3,64,128] x) => (float[3,128,64] y, float[3,64,128] z) {
        gate = Sigmoid (x)
        product = Mul (gate, x)
        y = Transpose <perm = [0, 2, 1]> (product)
        z = Relu (x)
    }
"""


@pytest.fixture(autouse=True)
def own_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or writes the user's cache, or leaves a folder on the search path."""
    monkeypatch.setenv("KILN_CACHE", str(shared_cache))
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model in which each extension finds something to do."""
    path = tmp_path / "gated.onnx"
    onnx.save(onnx.parser.parse_model(TEXT), path)
    return path


def silu(x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    return wide / (1 + np.exp(-wide))


def test_all_together_from_python(model: Path) -> None:
    loaded = load_files(FILES)
    extensions = {"passes": loaded.passes, "ops": loaded.ops, "schedules": loaded.schedules}
    with compiler.compile(model, pipeline=PIPELINE, **extensions) as artifact:
        report = artifact.report
        x = np.random.default_rng(0).standard_normal((3, 64, 128)).astype(np.float32)
        with runtime.Model(artifact.directory, threads=2) as runnable:
            outputs = runnable.run({"x": x})
    assert "agree with onnxruntime" in report.verification
    assert "my.silu" in str(report.optimized) and "sigmoid" not in str(report.optimized)
    templates = {call.name: getattr(call, "template", "") for call in report.plan.calls}
    assert sorted(templates.values()) == ["elementwise/1", "my-tiled-transpose/1"]
    np.testing.assert_allclose(outputs["y"], silu(x).transpose(0, 2, 1), rtol=1e-5, atol=1e-6)


def test_the_same_for_the_board(model: Path) -> None:
    loaded = load_files(FILES)
    board = resolve(BOARD)
    extensions = {"passes": loaded.passes, "ops": loaded.ops, "schedules": loaded.schedules}
    with compiler.compile(model, target=board, pipeline=PIPELINE, **extensions) as artifact:
        assert artifact.manifest.target.name == "beagleplay"
        assert artifact.manifest.target.features == board.features
        assert "my-tiled-transpose/1" in {getattr(call, "template", "") for call in artifact.report.plan.calls}
        can_run = how_to_run(board).kind != "none"
        assert ("agree with onnxruntime" if can_run else "unverified on target") in artifact.report.verification


def test_all_together_from_the_command_line(model: Path, tmp_path: Path) -> None:
    load = [word for file in FILES for word in ("--load", str(file))]
    printed = run("compiler.opt", str(model), *load, "--passes", "use-silu", "--verify")
    assert "my.silu(%0)" in printed and "sigmoid" not in printed
    run("compiler.build", str(model), *load, "--passes", PIPELINE, "-o", str(tmp_path / "out"))
    assert "selftest passed" in run("runtime.run", str(tmp_path / "out"), "--selftest")
    assert "right on this input" in run("compiler.bisect", str(model), *load, "--passes", PIPELINE)
    run("compiler.build", str(model), *load, "--passes", PIPELINE, "--target", BOARD, "-o", str(tmp_path / "board"))
    manifest = json.loads((tmp_path / "board" / "manifest.json").read_text())
    assert manifest["target"]["name"] == "beagleplay"


def run(*arguments: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_that_brings_nothing_is_refused(model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty_extension.py"
    empty.write_text("x = 1\n")
    command = [sys.executable, "-m", "compiler.opt", str(model), "--load", str(empty)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "defines none of PASSES, OPS, SCHEDULES" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PASSES = (1,)", "PASSES has 1, which is no class derived from Pass"),
        ("from compiler.passes import Pass\nPASSES = (Pass)", "PASSES is no tuple"),
        ("class Empty: ...\nOPS = (Empty,)", "Empty'>, which is no class derived from Op"),
        ("class Empty: ...\nSCHEDULES = (Empty,)", "Empty'>, which is no class with name, version, matches"),
    ],
)
def test_tables_of_other_things_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong_table.py"
    path.write_text(text)
    with pytest.raises(ExtensionError, match=re.escape(message)):
        load_files([path])
