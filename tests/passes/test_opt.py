"""``python -m compiler.opt``: what it prints, writes and refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compiler import opt
from compiler.ir import DType, Graph, Rewriter, TensorType, load_graph, print_graph, save_graph
from compiler.ir.ops import binary, unary

MY_PASS = """
from dataclasses import dataclass

from compiler.passes import Pass

@dataclass(frozen=True)
class CountNodes(Pass):
    "Counts."

    name = "count-nodes"

    every: int = 1

    def run(self, graph, context):
        return {"nodes": len(graph) // self.every}

PASSES = (CountNodes,)
"""


@pytest.fixture
def graph_file(tmp_path: Path) -> Path:
    """A graph with a constant that is not inline, in a file."""
    graph = Graph("g")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (1, 40)))
    table = rewriter.constant(np.arange(40, dtype=np.float32).reshape(1, 40))
    y = rewriter.emit(unary.Neg(), rewriter.emit(unary.Neg(), rewriter.emit(binary.Add(), table, x)))
    rewriter.output("y", y)
    path = tmp_path / "g.kiln"
    save_graph(graph, path)
    return path


def test_prints_the_result(graph_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert opt.main([str(graph_file), "--passes", "canonicalize"]) == 0
    printed = capsys.readouterr().out
    assert "neg" not in printed
    assert printed.startswith('graph "g" (%0 "x": f32[1,40]) {')


def test_writes_a_file_that_it_reads_back(graph_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.kiln"
    assert opt.main([str(graph_file), "-o", str(out)]) == 0
    assert load_graph(out) == load_graph(graph_file)
    assert opt.main([str(out), "--passes", "standard", "--target", "host", "--verify"]) == 0


def test_prints_ir_and_timing(graph_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--passes", "canonicalize,fuse", "--print-ir-after=canonicalize", "--timing"]
    assert opt.main([str(graph_file), *arguments]) == 0
    shown = capsys.readouterr()
    assert "// after canonicalize\ngraph" in shown.err
    assert "// after fuse" not in shown.err
    assert re.search(r"canonicalize +\d+\.\d +4 -> 2 .*inverse-of-inverse 1", shown.err)


def test_passes_from_a_file(graph_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extension = tmp_path / "my_pass.py"
    extension.write_text(MY_PASS)
    load = ["--load", str(extension)]
    assert opt.main([str(graph_file), "--passes", "count-nodes{every=2}", *load, "--timing"]) == 0
    assert "nodes 2" in capsys.readouterr().err
    assert opt.main(["--list", *load]) == 0
    assert "count-nodes{every=1}" in capsys.readouterr().out


def test_lists_passes_and_pipelines(capsys: pytest.CaptureFixture[str]) -> None:
    assert opt.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  fuse{max-ops=32}   ") and "kernel" in line for line in lines)
    assert any(
        line.startswith("  standard  ") and line.endswith(",fuse,fuse-depthwise,choose-layouts") for line in lines
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a graph"),
        (["g.kiln", "--passes", "fud"], "unknown pass 'fud'"),
        (["g.kiln", "--passes", "fuse{max-ops=no}"], "max-ops must be int"),
        (["g.kiln", "--target", "toaster"], "toaster"),
        (["g.kiln", "--passes", "fuse", "--print-ir-after=dce"], "no such pass"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert opt.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error


def test_unknown_option() -> None:
    with pytest.raises(SystemExit) as caught:
        opt.main(["--nonsense"])
    assert caught.value.code == 2


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert opt.main([str(tmp_path / "none.kiln")]) == 1
    assert "none.kiln" in capsys.readouterr().err


def test_text_that_is_no_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.kiln"
    path.write_text('graph "g" (%0 "x": f32[3]) {\n  %1 = nag(%0) : f32[3]\n  return %1 "y"\n}\n')
    assert opt.main([str(path)]) == 1
    error = capsys.readouterr().err
    assert "bad.kiln" in error
    assert "line 2, column 8: unknown op 'nag'" in error


def test_a_missing_side_file(graph_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph_file.with_name("g.kiln.npz").unlink()
    assert opt.main([str(graph_file)]) == 1
    assert "side file" in capsys.readouterr().err


def test_an_unwritable_output(graph_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert opt.main([str(graph_file), "-o", str(tmp_path / "no" / "out.kiln")]) == 1
    assert "out.kiln" in capsys.readouterr().err


def test_as_a_command(graph_file: Path) -> None:
    command = [sys.executable, "-m", "compiler.opt"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0
    assert "examples:" in shown.stdout
    run = subprocess.run([*command, str(graph_file)], capture_output=True, text=True, timeout=60)
    assert run.stdout == print_graph(load_graph(graph_file))
