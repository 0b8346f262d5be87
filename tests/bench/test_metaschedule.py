"""`python -m bench.metaschedule`: what is said of made-up halves, what MetaSchedule is given, a few trials."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tvm

from bench.exhaustive.tasks import NamedTask
from bench.kernels.probe import build_probe
from bench.metaschedule import __main__ as command
from bench.metaschedule.compare import Kernel, WrongResultError, check, compare, operands_of
from bench.metaschedule.computation import Computation, Form, UnsupportedTaskError, computation_of
from bench.metaschedule.contest import Outcome, Plan, geometric_mean
from bench.metaschedule.kiln_half import packed_library
from bench.metaschedule.metaschedule_half import read_journal, tune_metaschedule
from bench.metaschedule.records import KILN, Comparison, Effort, NothingFoundError, Spec, Trial
from compiler.autotune.measure.builder import WorkerBuilder
from compiler.codegen.plan.packing import unpack
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import task_spaces
from compiler.codegen.toolchain import find_compiler
from compiler.ir import Task
from compiler.ir.interpreter import run_graph
from compiler.ir.literal import Array
from compiler.targets import Target, host_target

TASK = Task('graph "task" (%0 "x": f32[4,8]) {\n  %1 = exp(%0) : f32[4,8]\n  return %1 "y"\n}\n')


def outcome(name: str, kiln: float, plain: float, blocked: float, algorithm: str = "direct") -> Outcome:
    """Of kernels that take so many microseconds in every turn; 1 GFLOP in a second at the peak."""
    seconds = {KILN: kiln, "plain": plain, "blocked": blocked}
    comparison = Comparison(
        {name: [[taken * 1e-6] * 3] * 4 for name, taken in seconds.items()}, dict.fromkeys(seconds, 1e-6), [1e9] * 4
    )
    effort = Effort(60.0, 55.0, (Trial(1.0, None), Trial(2.0, 3e-5), Trial(3.0, 4e-5), Trial(4.0, 2e-5)))
    return Outcome(name, 1e4, algorithm, "matmul_tiled", dict.fromkeys(seconds, effort), {}, comparison)


def test_the_best_so_far_and_failures_of_an_effort() -> None:
    effort = outcome("a", 1, 1, 1).efforts[KILN]
    assert effort.curve == [(2.0, 3e-5), (4.0, 2e-5)]
    assert effort.failed == 1


def test_the_faster_form_counts() -> None:
    found = outcome("a:b", 20.0, 90.0, 50.0)
    assert found.form == "blocked"
    assert found.ratio.value == pytest.approx(2.5)
    assert found.of_peak(KILN) == pytest.approx(0.5)
    assert outcome("a:b", 20.0, 30.0, 50.0).form == "plain"


def test_a_form_without_a_kernel_is_replaced_by_the_other() -> None:
    found = outcome("a:b", 20.0, 90.0, 50.0)
    assert found.ratio_in("plain").value == pytest.approx(4.5)
    blocked = {name: taken for name, taken in found.comparison.seconds.items() if name != "plain"}
    without = replace(found, comparison=replace(found.comparison, seconds=blocked))
    assert without.ratio_in("plain").value == pytest.approx(2.5)


def test_a_geometric_mean() -> None:
    assert geometric_mean([1.0, 2.0, 4.0]) == pytest.approx(2.0)
    with pytest.raises(ValueError):
        geometric_mean([])


def test_the_command_prints_and_writes_what_the_halves_came_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans: list[Plan] = []

    def contest(named: NamedTask, target: Target, plan: Plan) -> Outcome:
        plans.append(plan)
        if named.name == "m:three":
            raise NothingFoundError("m:three: MetaSchedule tried 0 kernels")
        return outcome(named.name, 10.0, 40.0, 90.0, *(["winograd"] if named.name == "m:two" else []))

    monkeypatch.setattr(command, "find_tasks", lambda names, target, zoo: [NamedTask(name, TASK) for name in names])
    files = ["--json", str(tmp_path / "a.json"), "--markdown", str(tmp_path / "a.md")]
    arguments = ["--seconds", "7", "--seed", "3", "--forms", "plain,blocked", "--workloads", "m:one,m:two,m:three"]
    assert command.main([*arguments, *files], contest) == 1
    assert plans == [Plan(7, 3, ("plain", "blocked"))] * 3
    printed = capsys.readouterr().out
    assert "| m:one | direct" in printed
    assert "geometric mean over 2 tasks: 4.00x" in printed
    assert "over the 1 with the direct algorithm on both sides: 4.00x" in printed
    assert "with images plain throughout, the same seconds for both tuners: 4.00x" in printed
    assert "with images blocked throughout, the same seconds for both tuners: 9.00x" in printed
    assert "m:three: not compared: m:three: MetaSchedule tried 0 kernels" in printed
    assert (tmp_path / "a.md").read_text() == printed
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["plan"]["seconds"] == 7
    assert [task["form"] for task in written["tasks"]] == ["plain", "plain"]
    assert written["tasks"][0]["efforts"][KILN]["curve"] == [[2.0, 3e-5], [4.0, 2e-5]]
    assert written["tasks"][0]["ratio"]["value"] == pytest.approx(4.0)
    assert command.main(["--workloads", "m:one"], contest) == 0


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--workloads", "nonesuch:1x1x1"]) == 2
    assert "nonesuch" in capsys.readouterr().err
    for arguments in (["--seconds", "0"], ["--forms", "nhwc"], ["--workloads", ","], ["--seed", "x"]):
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    assert "python -m bench.metaschedule --seconds 60" in capsys.readouterr().out


def test_a_journal_counts_as_far_as_it_is_whole_and_in_time(tmp_path: Path) -> None:
    rows = [
        {"at": 101.0, "seconds": None, "detail": "no", "place": ""},
        {"at": 102.0, "seconds": 5e-5, "detail": "", "place": "best-2"},
        {"at": 103.0, "seconds": 6e-5, "detail": "", "place": ""},
        {"at": 111.0, "seconds": 1e-5, "detail": "", "place": "best-4"},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "trials.jsonl").write_text(text + '{"at": 104.0, "sec')
    half = read_journal("a:b", tmp_path, 10.0, 100.0, 10.1)
    assert half.best == tmp_path / "best-2"
    assert half.effort == Effort(10.0, 10.1, (Trial(1.0, None), Trial(2.0, 5e-5), Trial(3.0, 6e-5)))


def test_a_journal_without_a_kernel_says_why(tmp_path: Path) -> None:
    (tmp_path / "diagnostics.txt").write_text("ModuleNotFoundError: No module named 'psutil'\n")
    with pytest.raises(NothingFoundError, match=r"a:b: MetaSchedule has no kernel after 0 trials.*'psutil'"):
        read_journal("a:b", tmp_path, 10.0, 100.0, 2.0)
    row = {"at": 101.0, "seconds": None, "detail": "it does not link", "place": ""}
    (tmp_path / "trials.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(NothingFoundError, match=r"after 1 trials: it does not link"):
        read_journal("a:b", tmp_path, 10.0, 100.0, 2.0)


REGIONS = {
    "conv": """graph "t" (%0 "x": f32[1,32,9,8]{1:16}, %1 "w": f32[48,32,3,3]{1:16,0:16}, %2 "b": f32[1,48,1,1]{1:16}) {
  %3 = conv(%0, %1) {strides = [2, 2], low = [1, 1], high = [1, 0], dilations = [1, 1]} : f32[1,48,5,4]
  %4 = add(%3, %2) : f32[1,48,5,4]
  %5 = constant() {value = dense<f32[]: 0.0>} : f32[]
  %6 = maximum(%4, %5) : f32[1,48,5,4]
  %7 = relayout(%6) {layout = layout<{1:16}>} : f32[1,48,5,4]{1:16}
  return %7 "y"
}
""",
    "depthwise": """graph "t" (%0 "x": f32[1,32,6,7]{1:16}, %1 "w": f32[32,1,3,3]{0:16}, %2 "b": f32[1,32,1,1]{1:16}) {
  %3 = conv(%0, %1) {strides = [1, 1], low = [1, 1], high = [1, 1], dilations = [1, 1], groups = 32} : f32[1,32,6,7]
  %4 = add(%3, %2) : f32[1,32,6,7]
  %5 = constant() {value = dense<f32[]: 6.0>} : f32[]
  %6 = minimum(%4, %5) : f32[1,32,6,7]
  %7 = relayout(%6) {layout = layout<{1:16}>} : f32[1,32,6,7]{1:16}
  return %7 "y"
}
""",
    "matmul": """graph "task" (%0 "x": f32[1,12,40], %1 "w": f32[24,40]{0:16}, %2 "b": f32[24]) {
  %3 = matmul(%0, %1) {transpose_b = true} : f32[1,12,24]
  %4 = add(%3, %2) : f32[1,12,24]
  %5 = erf(%4) : f32[1,12,24]
  %6 = mul(%4, %5) : f32[1,12,24]
  return %6 "y"
}
""",
}
FORMS = [("conv", Form.PLAIN), ("conv", Form.BLOCKED), ("depthwise", Form.PLAIN), ("depthwise", Form.BLOCKED)]


def run(computation: Computation, operands: Sequence[Array]) -> Array:
    """The logical result of a computation, compiled without any schedule."""
    *inputs, result = computation.arguments
    arrays = [argument.store(array) for argument, array in zip(inputs, operands, strict=True)]
    tensors = [tvm.runtime.tensor(array) for array in [*arrays, np.zeros(result.shape, np.float32)]]
    tvm.compile(computation.function, target=tvm.target.Target("llvm"))(*tensors)
    return unpack(tensors[-1].numpy(), result.layout, result.type.shape)


@pytest.mark.parametrize(("region", "form"), [*FORMS, ("matmul", Form.PLAIN)])
def test_what_metaschedule_is_given_computes_the_task(region: str, form: Form) -> None:
    graph = Task(REGIONS[region]).graph()
    operands, _ = operands_of(graph)
    (expected,) = run_graph(graph, operands)
    given = run(computation_of(graph, form), operands)
    assert np.abs(given - expected).max() <= 1e-5 * np.abs(expected).max()


def test_winograd_tasks_are_the_convolution_to_metaschedule() -> None:
    region = """graph "t" (%0 "x": f32[1,16,6,6]{1:16}, %1 "u": f32[36,32,16]{1:32}) {
  %2 = winograd_conv(%0, %1) {outputs = 4, low = [1, 1], high = [1, 1]} : f32[1,32,6,6]
  %3 = relayout(%2) {layout = layout<{1:16}>} : f32[1,32,6,6]{1:16}
  return %3 "y"
}
"""
    graph = Task(region).graph()
    stored, plain = operands_of(graph)
    assert [array.shape for array in stored] == [(1, 16, 6, 6), (36, 32, 16)]
    assert plain[1].shape == (32, 16, 3, 3)
    (expected,) = run_graph(graph, stored)
    given = run(computation_of(graph, Form.BLOCKED), plain)
    assert np.abs(given - expected).max() <= 1e-5 * np.abs(expected).max()


def test_a_kernel_with_wrong_numbers_is_refused() -> None:
    expected = np.asarray([[1.0, -4.0]], np.float32)
    near = Kernel(lambda: [1.0], lambda: expected + np.float32(1e-5))
    assert check("plain", near, expected, winograd=False) == pytest.approx(2.5e-6, rel=0.1)
    for wrong in (expected + np.float32(1e-2), np.full_like(expected, np.nan)):
        with pytest.raises(WrongResultError, match="plain differs from the reference"):
            check("plain", Kernel(lambda: [1.0], lambda: wrong), expected, winograd=False)  # noqa: B023


def test_tasks_and_forms_that_metaschedule_cannot_be_given() -> None:
    with pytest.raises(UnsupportedTaskError, match="nothing of it is in blocks"):
        computation_of(Task(REGIONS["matmul"]).graph(), Form.BLOCKED)
    with pytest.raises(UnsupportedTaskError, match="not one sum of products"):
        computation_of(TASK.graph(), Form.PLAIN)


TINY = """graph "task" (%0 "x": f32[1,32,64], %1 "w": f32[64,64]{0:32}, %2 "b": f32[64]) {
  %3 = matmul(%0, %1) {transpose_b = true} : f32[1,32,64]
  %4 = add(%3, %2) : f32[1,32,64]
  return %4 "y"
}
"""


@pytest.mark.long
def test_a_few_trials_beside_a_kernel_of_kiln(tmp_path: Path) -> None:
    for needed in ("psutil", "cloudpickle", "tornado"):
        pytest.importorskip(needed, reason="MetaSchedule needs it: the extra bench-all")
    task, target = Task(TINY), host_target()
    (tmp_path / "task.kiln").write_text(TINY)
    half = tune_metaschedule("tiny", tmp_path / "task.kiln", "plain", 300.0, 0, tmp_path, trials=4)
    assert len(half.effort.trials) == 4
    assert half.effort.failed == 0
    space = task_spaces([task], target, None)[task]["matmul_tiled"].space
    (built,) = WorkerBuilder(target, None).build(task, [Choice.of("matmul_tiled", space.default)])
    library = packed_library(built, 4, target, tmp_path)
    probe = build_probe(find_compiler(target), tmp_path)
    spec = Spec(str(tmp_path / "task.kiln"), str(library), {"plain": str(half.best)}, str(probe), 2)
    comparison = compare(spec)
    assert {name: len(turns) for name, turns in comparison.seconds.items()} == {KILN: 2, "plain": 2}
    assert all(difference < 1e-5 for difference in comparison.differences.values())
    assert len(comparison.peaks) == 2
