"""XGBoost models end to end: compiled, run, and compared with XGBoost to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xgboost

import compiler
import runtime
from compiler.passes.table import STANDARD
from frontends.xgboost import Prediction

FIXTURES = Path(__file__).parent.parent / "frontends" / "xgboost" / "fixtures" / "3.1.3"
ROWS = 20


def rows() -> np.ndarray:
    x = np.random.default_rng(5).normal(size=(ROWS, 4)).astype(np.float32)
    x[:, 3] = np.arange(ROWS) % 7
    x[::3, 1] = np.nan
    return x


@pytest.mark.parametrize("name", ["logistic", "softmax", "dart", "partition", "linear"])
def test_a_file(name: str) -> None:
    path, x = FIXTURES / f"{name}.ubj", rows()
    with compiler.compile(Prediction(path, "margin"), inputs={"data": x.shape}) as artifact:
        assert "2 random inputs agree with xgboost" in artifact.report.verification
        got = runtime.Model(artifact.directory).run({"data": x})["margin"]
    want = xgboost.Booster(model_file=path).predict(xgboost.DMatrix(x), output_margin=True)
    np.testing.assert_array_equal(got.view(np.int32), want.view(np.int32))


def vectors(x: np.ndarray) -> xgboost.Booster:
    """A model whose leaves have three values."""
    parameters = {"multi_strategy": "multi_output_tree", "tree_method": "hist", "max_depth": 3}
    labels = np.nan_to_num(x[:, :3]) @ np.random.default_rng(6).normal(size=(3, 3))
    return xgboost.train(parameters, xgboost.DMatrix(x, labels), 5)


@pytest.mark.parametrize("name", ["softmax", "partition", "vectors"])
def test_many_rows(name: str) -> None:
    """A batch of which the tests of all trees are made once for all rows."""
    x = np.tile(rows(), (40, 1))
    x[:, 0] += np.arange(len(x), dtype=np.float32) / 256
    model = vectors(x) if name == "vectors" else FIXTURES / f"{name}.ubj"
    pipeline = STANDARD.replace("lower-forests", "lower-forests{algorithm=bitsliced}")
    with compiler.compile(Prediction(model, "margin"), inputs={"data": x.shape}, pipeline=pipeline) as artifact:
        assert "bitsliced_forest" in str(artifact.report.plan.calls)
        got = runtime.Model(artifact.directory).run({"data": x})["margin"]
    reference = model if isinstance(model, xgboost.Booster) else xgboost.Booster(model_file=model)
    want = reference.predict(xgboost.DMatrix(x), output_margin=True)
    np.testing.assert_array_equal(got.view(np.int32), want.view(np.int32))


@pytest.mark.parametrize("name", ["softmax", "logistic", "vectors"])
def test_few_rows(name: str) -> None:
    """Rows whose features become ranks, and trees side by side."""
    x = rows()
    model = vectors(x) if name == "vectors" else FIXTURES / f"{name}.ubj"
    pipeline = STANDARD.replace("lower-forests", "lower-forests{algorithm=ranked}")
    with compiler.compile(Prediction(model, "margin"), inputs={"data": x.shape}, pipeline=pipeline) as artifact:
        assert "ranked_forest" in str(artifact.report.plan.calls)
        got = runtime.Model(artifact.directory).run({"data": x})["margin"]
    reference = model if isinstance(model, xgboost.Booster) else xgboost.Booster(model_file=model)
    want = reference.predict(xgboost.DMatrix(x), output_margin=True)
    np.testing.assert_array_equal(got.view(np.int32), want.view(np.int32))


def test_objects() -> None:
    x = rows()
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(x, np.arange(ROWS) % 3)
    for form in (model, model.get_booster()):
        with compiler.compile(form, inputs={"data": x.shape}) as artifact:
            got = runtime.Model(artifact.directory).run({"data": x})["prediction"]
        np.testing.assert_array_max_ulp(got, model.predict_proba(x), maxulp=1)


def test_leaves_and_their_identity() -> None:
    x = rows()
    path = FIXTURES / "logistic.json"
    digests = set()
    for choice in (path, Prediction(path), Prediction(path, "leaf"), Prediction(path, "leaf", column=1)):
        with compiler.compile(choice, inputs={"data": x.shape}) as artifact:
            digests.add(artifact.manifest.provenance["model_sha256"])
            outputs = runtime.Model(artifact.directory).run({"data": x})
    want = xgboost.Booster(model_file=path).predict(xgboost.DMatrix(x), pred_leaf=True)
    np.testing.assert_array_equal(outputs["leaf"], want[:, 1])
    assert len(digests) == 4


def test_a_damaged_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"learner": {')
    with pytest.raises(compiler.BuildError, match=r"model.json: not a model in JSON, or a truncated one"):
        compiler.compile(tmp_path / "model.json")
