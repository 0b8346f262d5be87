"""The conformance harness: what it may bind, how it judges, and that a crash ends one case only."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, parser

from bench.conformance.__main__ import main, summary
from bench.conformance.cases import Case, CaseCatalog
from bench.conformance.engines import Engine
from bench.conformance.judge import Verdict, judge
from bench.conformance.pool import run_cases, worker_command
from bench.conformance.shape_inputs import shape_inputs
from compiler.errors import BuildError
from frontends.onnx import ConversionError, UnsupportedModel, UnsupportedNode


def model(graph: str) -> ModelProto:
    """A model in ONNX's text form."""
    return parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]>\n{graph}')


# -- what may be bound ------------------------------------------------------------------------------


def test_an_input_that_is_a_shape_may_be_bound_and_data_may_not():
    assert shape_inputs(model("main (float[2] x, int64[1] s) => (float[n] y) { y = Reshape(x, s) }")) == {"s"}


def test_the_walk_goes_through_arithmetic_and_stops_at_shapes():
    graph = """main (float[2] x, int64[1] a, int64[1] b) => (float[n] y) {
        n = Shape(x)
        c = Concat<axis = 0>(n, a)
        d = Mul(c, b)
        y = Expand(x, d)
    }"""
    assert shape_inputs(model(graph)) == {"a", "b"}


def test_the_walk_goes_into_the_branches_of_an_if():
    graph = """main (bool c, float[2] x, int64[1] s) => (float[n] y) {
        t = If (c) <then_branch = g () => (int64[1] a) { a = Neg(s) },
                    else_branch = h () => (int64[1] b) { b = Abs(s) }>
        y = Expand(x, t)
    }"""
    assert shape_inputs(model(graph)) == {"c", "s"}


# -- judging ----------------------------------------------------------------------------------------

ADD = "main (float[2] x, float[2] b) => (float[2] y) { y = Add(x, b) }"


def case(expected: NDArray[np.generic], graph: str = ADD) -> Case:
    """A case of two inputs, [1, 2] and [0, 0]."""
    given = (np.array([1, 2], np.float32), np.zeros(2, np.float32))
    return Case("case", model(graph), ((given, (expected,)),), rtol=1e-3, atol=1e-7)


def engine_that_gives(result: NDArray[np.generic]) -> Engine:
    """An engine with one answer, ``y``."""
    return lambda model, inputs, bind: lambda arrays: {"y": result}


def engine_that_raises(error: Exception) -> Engine:
    """An engine whose build fails."""

    def fail(model: ModelProto, inputs: Mapping[str, object], bind: Mapping[str, object]) -> object:
        raise BuildError("no") from error

    return fail  # pyright: ignore[reportReturnType]


def test_inputs_arrive_at_run_time_with_their_shapes():
    seen: list[object] = []

    def engine(model: ModelProto, inputs: Mapping[str, tuple[int, ...]], bind: Mapping[str, object]) -> object:
        seen.append((dict(inputs), dict(bind)))
        return lambda arrays: {"y": arrays["x"]}

    assert judge(case(np.array([1, 2], np.float32)), engine).status == "pass"  # pyright: ignore[reportArgumentType]
    assert seen == [({"x": (2,), "b": (2,)}, {})]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (np.array([1, 2.1], np.float32), "differs in 1 of 2 elements; at (1,) 2.09"),
        (np.array([[1, 2]], np.float32), "is float32[1, 2], expected float32[2]"),
        (np.array([1, 2], np.float64), "is float64[2], expected float32[2]"),
        (np.array([1, np.nan], np.float32), "differs"),
    ],
)
def test_another_result_is_wrong(result, reason):
    verdict = judge(case(np.array([1, 2], np.float32)), engine_that_gives(result))
    assert verdict.status == "wrong"
    assert reason in verdict.reason


def test_nan_equals_nan():
    nan = np.array([1, np.nan], np.float32)
    assert judge(case(nan), engine_that_gives(nan)).status == "pass"


def test_bfloat16_results_are_bits():
    expected = np.array([1, 2], ml_dtypes.bfloat16)
    graph = ADD.replace("(float[2] y)", "(bfloat16[2] y)")
    assert judge(case(expected, graph), engine_that_gives(expected.view(np.uint16))).status == "pass"
    wrong = np.array([1, 2.25], ml_dtypes.bfloat16).view(np.uint16)
    assert judge(case(expected, graph), engine_that_gives(wrong)).status == "wrong"


def test_a_refusal_is_told_by_its_first_node():
    nodes = [UnsupportedNode("n", "Frobnicate", "it frobnicates"), UnsupportedNode("m", "If", "it chooses")]
    verdict = judge(case(np.zeros(2, np.float32)), engine_that_raises(UnsupportedModel("m", nodes)))
    assert verdict == Verdict("case", "refused", "Frobnicate: it frobnicates")


def test_any_other_failure_is_no_refusal():
    for error in (RuntimeError("kernel"), ConversionError("a bug, since the case is well-formed")):
        with pytest.raises(BuildError):
            judge(case(np.zeros(2, np.float32)), engine_that_raises(error))


def test_a_case_without_a_tensor_is_refused():
    entry = Case("case", model(ADD), (((None, np.zeros(2, np.float32)), (np.zeros(2, np.float32),)),), 1e-3, 1e-7)
    assert judge(entry, engine_that_gives(np.zeros(2, np.float32))).reason == (
        "the case gives no tensor for an input (NoneType)"
    )


# -- processes --------------------------------------------------------------------------------------

FRAGILE = """
import json, os, sys
for line in sys.stdin:
    name = line.strip()
    if name == "dies":
        os.abort()
    print(json.dumps({"name": name, "status": "pass", "reason": ""}), flush=True)
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_that_dies_costs_one_case(jobs):
    told: list[Verdict] = []
    names = ["a", "dies", "b", "c"]
    verdicts = run_cases(names, [sys.executable, "-c", FRAGILE], jobs, told.append)
    assert [verdict.status for verdict in verdicts] == ["pass", "crashed", "pass", "pass"]
    assert verdicts[1].reason == "the process ended with status -6"
    assert sorted(verdict.name for verdict in told) == sorted(names)


def test_the_command_counts_and_writes_verdicts(tmp_path, capsys):
    path = tmp_path / "verdicts.json"
    wanted = "^node:test_(abs|cos_example|string_concat)$"
    status = main(["--engine", "reference", "--filter", wanted, "--json", str(path), "--show", "pass"])
    shown = capsys.readouterr().out
    assert status == 0
    assert shown.startswith("3 cases: 2 pass, 1 refused, 0 wrong, 0 crashed\n")
    assert "1 refused: input: tensors of string are not supported" in shown
    assert "pass: node:test_cos_example" in shown
    assert [entry["status"] for entry in json.loads(path.read_text())["cases"]] == ["pass", "pass", "refused"]


def test_wrong_cases_are_always_shown():
    text = summary([Verdict("a", "pass"), Verdict("b", "wrong", "by much")])
    assert "wrong: b by much" in text
    assert "pass: a" not in text


def test_a_bad_filter_is_wrong_usage(capsys):
    assert main(["--filter", "("]) == 2
    assert "is no regular expression" in capsys.readouterr().err


@pytest.mark.long
def test_every_case_through_build_and_runtime():
    verdicts = run_cases(CaseCatalog().names, worker_command("compiled"), 2, lambda verdict: None)
    counts = Counter(verdict.status for verdict in verdicts)
    assert [verdict for verdict in verdicts if verdict.status in ("wrong", "crashed")] == []
    assert counts["pass"] >= 1767
