"""Pipelines as text, observers, verification between passes, and what a failing pass leaves behind."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from compiler.ir import DType, Graph, Rewriter, TensorType, evaluate, load_graph, print_graph
from compiler.ir.ops import binary, unary
from compiler.passes import (
    PASSES,
    PIPELINES,
    IrPrinter,
    Pass,
    PassContext,
    PassError,
    PassManager,
    PipelineError,
    PipelineReport,
)
from tests.architecture.tables import concrete_subclass_of, missing_from


@dataclass(frozen=True)
class Shift(Pass):
    """Adds ``by`` to every output; has an option of each type."""

    name = "shift"

    by: int = 1
    scale: float = 1.0
    twice: bool = False
    note_text: str = "plain"

    def run(self, graph: Graph, context: PassContext) -> dict[str, int]:
        rewriter = Rewriter(graph)
        for index, value in enumerate(graph.outputs):
            amount = rewriter.constant(np.array(self.by * self.scale * (1 + self.twice), np.float32))
            rewriter.set_output(index, rewriter.emit(binary.Add(), value, amount))
        return {"shifted": len(graph.outputs)}


@dataclass(frozen=True)
class Break(Pass):
    """Leaves a node with a wrong type, or raises."""

    name = "break"

    how: str = "type"

    def run(self, graph: Graph, context: PassContext) -> None:
        if self.how == "raise":
            raise RuntimeError("on purpose")
        next(iter(graph)).result.type = TensorType(DType.F32, (4,))


def small_graph() -> Graph:
    graph = Graph("small")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (3,)))
    rewriter.output("y", rewriter.emit(unary.Abs(), rewriter.emit(unary.Neg(), x)))
    return graph


X = {"x": np.array([1.0, -2.0, 3.0], np.float32)}


def test_every_pass_is_in_the_table() -> None:
    assert missing_from(PASSES, "compiler.passes", concrete_subclass_of(Pass)) == []


@pytest.mark.parametrize(
    "step",
    [
        Shift(),
        Shift(by=-3),
        Shift(by=2, scale=0.1, twice=True),
        Shift(scale=float("inf")),
        Shift(note_text='commas, {braces} and "quotes"'),
        *(cls() for cls in PASSES),
    ],
    ids=str,
)
def test_the_text_of_a_pass_reads_back(step: Pass) -> None:
    assert PassManager.parse(str(step), [Shift]).passes == (step,)
    assert PassManager.parse(step.spelled_out(), [Shift]).passes == (step,)


def test_text_of_a_pipeline() -> None:
    manager = PassManager.parse(" canonicalize , fuse{ max-ops = 8 }, shift{by=2,twice=true} ,dce{}", [Shift])
    assert str(manager) == "canonicalize,fuse{max-ops=8},shift{by=2,twice=true},dce"
    assert PassManager.parse(str(manager), [Shift]) == manager
    assert PassManager.parse("").passes == ()


def test_a_pipeline_is_named_in_text() -> None:
    manager = PassManager.parse("standard,shift", [Shift])
    assert str(manager) == PIPELINES["standard"] + ",shift"


def test_a_class_from_outside_goes_before_one_of_the_same_name() -> None:
    @dataclass(frozen=True)
    class MyFuse(Pass):
        name = "fuse"

    assert PassManager.parse("fuse", [MyFuse]).passes == (MyFuse(),)
    assert MyFuse() in PassManager.parse("standard", [MyFuse]).passes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fold", "unknown pass 'fold'; known: .*canonicalize"),
        ("dce,", "expected a pass after ','"),
        ("dce cse", "expected ',' between passes"),
        (",dce", "expected the name of a pass"),
        ("fuse{size=3}", "pass 'fuse' has no option 'size'; its options are max-ops"),
        ("dce{x=1}", "pass 'dce' has no option 'x'; it has none"),
        ("fuse{max-ops=many}", "max-ops must be int, not 'many'"),
        ("shift{twice=yes}", "twice must be bool"),
        ("fuse{max-ops}", "expected option=value"),
        ("fuse{max-ops=3", "expected option=value"),
        ("standard{x=1}", "unknown pass 'standard'"),
    ],
)
def test_wrong_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        PassManager.parse(text, [Shift])


def test_the_graph_given_stays_as_it_is() -> None:
    graph = small_graph()
    before = print_graph(graph)
    result = PassManager([Shift(by=2)]).run(graph)
    assert print_graph(graph) == before
    np.testing.assert_array_equal(evaluate(result, X)["y"], evaluate(graph, X)["y"] + 2)


def test_a_pass_gets_the_context() -> None:
    seen: list[PassContext] = []

    @dataclass(frozen=True)
    class Look(Pass):
        name = "look"

        def run(self, graph: Graph, context: PassContext) -> None:
            seen.append(context)

    PassManager([Look()]).run(small_graph(), target="arm_cortex_a72")
    PassManager([Look()]).run(small_graph(), context=PassContext(costs=lambda ways: [1.0] * len(ways)))
    target = seen[0].target
    assert target is not None
    assert (target.name, target.vector_bytes) == ("arm_cortex_a72", 16)
    assert seen[1].target is None
    with pytest.raises(ValueError, match="not both"):
        PassManager([]).run(small_graph(), target="host", context=PassContext())


def test_observers_see_every_pass() -> None:
    report, printed = PipelineReport(), io.StringIO()
    PassManager.parse("shift,dce,shift{by=2}", [Shift]).run(
        small_graph(), observers=[report, IrPrinter(["dce"], printed)]
    )
    assert [(str(r.executed), r.nodes_before, r.nodes_after, r.changes) for r in report.records] == [
        ("shift", 2, 4, 1),
        ("dce", 4, 4, 0),
        ("shift{by=2}", 4, 6, 1),
    ]
    assert "4 -> 6  shifted 1" in str(report)
    assert printed.getvalue().startswith("// after dce\ngraph ")
    assert printed.getvalue().count("graph ") == 1


def test_print_ir_after_all(capsys: pytest.CaptureFixture[str]) -> None:
    PassManager.parse("shift,dce", [Shift]).run(small_graph(), print_ir_after=["all"])
    assert capsys.readouterr().err.count("// after ") == 2


@pytest.mark.parametrize("how", ["type", "raise"])
def test_a_failing_pass_is_named_and_leaves_a_reproducer(how: str, tmp_path: Path) -> None:
    manager = PassManager([Shift(by=5), Break(how=how), Shift()])
    with pytest.raises(PassError, match=r"pass break.* failed") as caught:
        manager.run(small_graph(), "arm_cortex_a72", verify=True, reproducers=tmp_path / "new")
    assert str(caught.value.reproducer) in str(caught.value)
    (folder,) = (tmp_path / "new").iterdir()
    before = load_graph(folder / "before.kiln")
    np.testing.assert_array_equal(evaluate(before, X)["y"], np.abs(X["x"]) + 5)
    explanation = (folder / "README.txt").read_text()
    assert f"rest of the pipeline: {Break(how=how)},shift" in explanation
    assert "target: arm_cortex_a72" in explanation
    assert "Traceback" in explanation


def test_without_verification_a_malformed_graph_passes() -> None:
    PassManager([Break()]).run(small_graph(), verify=False)


def test_a_reproducer_that_cannot_be_written_does_not_hide_the_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PassError, match=r"on purpose[\s\S]*could not be written"):
        PassManager([Break(how="raise")]).run(small_graph(), reproducers=tmp_path / "file")


def test_the_command_of_a_reproducer_fails_in_the_same_way(tmp_path: Path) -> None:
    extension = tmp_path / "broken.py"
    extension.write_text(
        "from dataclasses import dataclass\n"
        "from compiler.passes import Pass\n"
        "@dataclass(frozen=True)\n"
        "class Broken(Pass):\n"
        "    name = 'broken'\n"
        "    def run(self, graph, context):\n"
        "        raise RuntimeError('on purpose')\n"
        "PASSES = (Broken,)\n"
    )

    @dataclass(frozen=True)
    class Broken(Pass):
        name = "broken"

        def run(self, graph: Graph, context: PassContext) -> None:
            raise RuntimeError("on purpose")

    with pytest.raises(PassError) as caught:
        PassManager([Broken()]).run(small_graph(), reproducers=tmp_path)
    explanation = (Path(caught.value.reproducer) / "README.txt").read_text()
    line = next(line for line in explanation.splitlines() if line.startswith("    python"))
    command = [sys.executable, *shlex.split(line)[1:], "--load", str(extension), "--reproducers", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert "pass broken failed: RuntimeError: on purpose" in run.stderr
