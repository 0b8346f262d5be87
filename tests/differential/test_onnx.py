"""Random ONNX models through the whole compiler and the runtime, compared with ONNX Runtime."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportOperatorIssue=false
# numpy, hypothesis and onnx.helper take more than their annotations say.

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings

import compiler
from tests.differential.fuzzing import SLOW, fuzz
from tests.differential.isolated import PeerFailedError, onnxruntime_in_child
from tests.differential.onnx_models import OnnxCase
from tests.differential.onnx_ops import onnx_cases
from tests.differential.running import run_guarded
from tests.differential.sensitivity import Expected, assert_as_expected, expectations


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kernels and C objects are shared by all examples."""
    return tmp_path_factory.mktemp("cache")


def check(case: OnnxCase, cache: Path) -> None:
    """The artifact's results are those of ONNX Runtime."""
    graph = compiler.load(case.model)
    arrays = [case.inputs[name] for name in graph.input_names]
    slack = expectations(graph, arrays)
    try:
        theirs = onnxruntime_in_child(case.model, case.inputs)
    except PeerFailedError:
        reject()
    with compiler.compile(case.model, "host", verify=False, workers=1, cache_dir=cache) as artifact:
        ours = run_guarded(artifact.directory, graph, arrays, threads=2)
    for name, want, allowed in zip(graph.output_names, theirs, slack, strict=True):
        # Both sides have rounding errors, and ONNX Runtime's functions are less accurate than ours.
        scale = np.abs(want.astype(np.float64)).max(initial=1e-3) if want.dtype.kind == "f" else 0.0
        expected = Expected(want, 4 * allowed.slack + 2e-5 * scale, allowed.free)
        assert_as_expected(ours[name], expected, name)


@settings(max_examples=30, suppress_health_check=SLOW)
@given(case=onnx_cases())
def test_models_agree_with_onnx_runtime(cache: Path, case: OnnxCase) -> None:
    check(case, cache)


@pytest.mark.long
def test_models_agree_with_onnx_runtime_at_length(cache: Path) -> None:
    fuzz(lambda data: check(data.draw(onnx_cases(max_nodes=12)), cache))
