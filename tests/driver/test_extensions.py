"""Passes, ops, templates and targets from outside the tree reach every process that needs them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import compiler
import runtime
from compiler.build import main
from compiler.codegen.extensions import Extension, ExtensionError, extension_of, load_module
from compiler.ir import DType, Graph, Rewriter, TensorType, save_graph
from compiler.passes import Pass
from tests.driver.square_op import Square
from tests.driver.wrong_pass import TanhIsSigmoid

HERE = Path(__file__).parent


def square_graph() -> Graph:
    graph = Graph("squares")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (7,)))
    rewriter.output("y", rewriter.emit(Square(), x))
    return graph


def test_an_op_of_ones_own_is_compiled() -> None:
    with compiler.compile(square_graph(), ops=[Square]) as artifact:
        outputs = runtime.Model(artifact.directory).run({"x": np.arange(7, dtype=np.float32)})
    np.testing.assert_array_equal(outputs["y"], np.arange(7, dtype=np.float32) ** 2)


def test_the_same_from_files_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_graph(square_graph(), tmp_path / "squares.kiln")
    arguments = [str(tmp_path / "squares.kiln"), "-o", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert "unknown op 'test.square'" in capsys.readouterr().err
    assert main([*arguments, "--load", str(HERE / "square_op.py")]) == 0
    outputs = runtime.Model(tmp_path / "out").run({"x": np.full(7, 3, np.float32)})
    np.testing.assert_array_equal(outputs["y"], np.full(7, 9, np.float32))


def test_a_pass_of_ones_own_runs_where_the_pipeline_says(model_file: Path) -> None:
    pipeline = "tanh-is-sigmoid,fuse"
    with compiler.compile(model_file, inputs={"x": (2, 4)}, pipeline=pipeline, passes=[TanhIsSigmoid]) as artifact:
        assert artifact.manifest.provenance["pipeline"] == pipeline


def test_classes_of_a_script_reach_the_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import numpy as np
            import compiler, runtime
            from compiler.codegen.schedules.elementwise import Elementwise
            from compiler.ir import parse_graph

            class Mine(Elementwise):
                name = "mine"

            if __name__ == "__main__":
                text = 'graph "g" (%0 "x": f32[5]) {\\n%1 = neg(%0) : f32[5]\\nreturn %1 "y"\\n}'
                artifact = compiler.compile(parse_graph(text), schedules=[Mine])
                print({call.template for call in artifact.report.plan.calls})
            """
        )
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "{'mine/1'}"


def test_a_target_of_ones_own(model_file: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.py"
    board.write_text(
        "from dataclasses import replace\n"
        "from compiler.targets import resolve\n"
        "BOARD = replace(resolve('host'), name='my_board')\n"
    )
    out = tmp_path / "out"
    assert main([str(model_file), "--input", "x:2,4", "--target", f"{board}:BOARD", "-o", str(out)]) == 0
    assert runtime.Model(out).manifest.target.name == "my_board"


def test_a_class_that_workers_cannot_find_is_refused() -> None:
    class Local(Pass):
        pass

    with pytest.raises(ExtensionError, match="top level"):
        extension_of(Local)


def test_an_extension_finds_its_class_again() -> None:
    extension = extension_of(Square)
    assert extension.path == str(HERE / "square_op.py")
    assert extension.load() is Square


def test_errors_name_the_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    with pytest.raises(ExtensionError, match=r"broken\.py: ZeroDivisionError"):
        load_module("kiln_test_broken", broken)
    with pytest.raises(ExtensionError, match="has no Nothing"):
        Extension("kiln_test_square", str(HERE / "square_op.py"), "Nothing", "").load()
    with pytest.raises(ExtensionError, match=r"missing\.py"):
        load_module("kiln_test_missing", tmp_path / "missing.py")
