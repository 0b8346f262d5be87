"""Tree ensembles of ONNX end to end: compiled, run, and compared with ONNX Runtime and the reference interpreter."""

from __future__ import annotations

import numpy as np
import pytest

import compiler
import runtime
from tests.frontends.onnx.nodes import by_onnxruntime, imported
from tests.frontends.onnx.tree_models import Tree, branches, model_of, named_nodes, rows_for


def split(feature: int, mode: int, value: float, *leaves: float) -> Tree:
    sides = tuple(Tree(0, 0, 0.0, 0, None, ((output, leaf),)) for output, leaf in enumerate(leaves))
    return Tree(feature, mode, value, 0, (sides[0], sides[1]), ())


FOREST = [split(0, 0, 0.5, 0.3, -0.2), split(1, 5, 2.0, -0.4, 0.9), split(2, 3, -1.5, 0.1, 0.2)]


def run(model, x):
    with compiler.compile(model) as artifact:
        assert "2 random inputs agree with onnxruntime" in artifact.report.verification
        return runtime.Model(artifact.directory).run({"x": x})


def test_a_classifier() -> None:
    attributes = named_nodes(FOREST, "class") | {"classlabels_int64s": [4, -7, 9], "post_transform": "SOFTMAX"}
    x = rows_for(1)
    model = model_of("TreeEnsembleClassifier", attributes, outputs=2)
    got, (labels, scores) = run(model, x), by_onnxruntime(model, {"x": x})
    np.testing.assert_array_equal(got["y0"], labels)
    np.testing.assert_allclose(got["y1"], scores, rtol=1e-6)


def test_the_smallest_vote() -> None:
    attributes = named_nodes(FOREST, "target") | {"n_targets": 2, "aggregate_function": "MIN"}
    x = rows_for(2)
    model = model_of("TreeEnsembleRegressor", attributes)
    np.testing.assert_array_equal(run(model, x)["y0"], by_onnxruntime(model, {"x": x})[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ranked_features(dtype: type[np.generic]) -> None:
    forest = [*FOREST, split(0, 6, 0.0, 1.5, 2.5)]
    attributes = branches(forest, [[0.5, 3.7]], dtype) | {"n_targets": 2}
    model = model_of("TreeEnsemble", attributes, version=5, dtype=dtype)
    x = rows_for(3, dtype)
    with compiler.compile(model, verify=False) as artifact:
        got = runtime.Model(artifact.directory).run({"x": x})["y0"]
    np.testing.assert_array_equal(got, imported(model, {"x": x})[0])
