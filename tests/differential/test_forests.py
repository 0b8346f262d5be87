"""Random models of trees, compiled and run, against the frameworks that trained them.

What the frontends' own random tests compare with the reference interpreter, this compares with machine code: every
kernel, every number of rows, and for XGBoost every format of files.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compiler.targets import resolve
from frontends import lightgbm, sklearn
from frontends.sklearn import prediction as sklearn_output
from frontends.xgboost import Prediction
from frontends.xgboost.prediction import Output
from tests.differential.forests import TARGETS, Build, Compare, Inputs, builds, check_compiled
from tests.differential.fuzzing import fuzz
from tests.frontends.lightgbm import training as lightgbm_training
from tests.frontends.lightgbm.comparing import assert_close, assert_same
from tests.frontends.lightgbm.training import trained_models as lightgbm_models
from tests.frontends.sklearn import comparing as sklearn_comparing
from tests.frontends.sklearn import training as sklearn_training
from tests.frontends.sklearn.training import estimators, labels_of, rows_of
from tests.frontends.xgboost import formats
from tests.frontends.xgboost.comparing import assert_one_unit, assert_same_bits
from tests.frontends.xgboost.training import LARGE, SMALL, Trained, trained_models

Array = NDArray[Any]

LONG_SECONDS = 600
TREE_OUTPUTS: tuple[Output, ...] = ("margin", "margin", "prediction", "leaf")
LINEAR_OUTPUTS: tuple[Output, ...] = ("margin", "prediction")
MISSING = (math.nan, math.nan, 0.0, 1.0, -3.0, math.inf)
IDENTITY = ("reg:squarederror", "reg:absoluteerror", "rank:ndcg", "binary:logitraw", "multi:softprob")
"""Objectives of which the base score is the margin, or that it plays no part in."""


def check_xgboost(data: st.DataObject, targets: Sequence[str] = TARGETS) -> None:
    """One model in one format, and one thing that it predicts, for one of ``targets``."""
    trained = data.draw(trained_models(data.draw(st.sampled_from([SMALL, SMALL, LARGE]))))
    build = data.draw(builds(targets))
    # Vectors of ARMv7 take subnormal numbers for zeros, and linear models multiply them.
    assume(trained.has_trees or resolve(build.target).isa != "arm")
    document = _changed(data, trained)
    release = data.draw(st.sampled_from(formats.releases_for(document)))
    if release < (3, 1):
        document = formats.with_one_base_score(document)
    note(f"as written by {release}")
    written = formats.as_written_by(release, document)
    loaded = written if formats.is_loadable(document, release) else document
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(json.dumps(loaded).encode()))
    model = formats.encoded(written, release, random.Random(trained.seed))
    _check_predictions(data, trained, build, booster, model, is_sorted=formats.sorts_quantiles(document, release))


def _changed(data: st.DataObject, trained: Trained) -> formats.Document:
    """The model, or a variant of it that sums numbers among the subnormals."""
    document = trained.document()
    if trained.has_trees and trained.parameters["objective"] in IDENTITY and data.draw(st.integers(0, 3)) == 0:
        document = formats.with_scaled_leaves(document, 1e-39)
        parameters = document["learner"]["learner_model_param"]
        parameters["base_score"] = "[" + ",".join(["0E0"] * (parameters["base_score"].count(",") + 1)) + "]"
    return document


def _check_predictions(
    data: st.DataObject, trained: Trained, build: Build, booster: xgboost.Booster, written: bytes, *, is_sorted: bool
) -> None:
    missing = data.draw(st.sampled_from(MISSING))
    output = data.draw(st.sampled_from(TREE_OUTPUTS if trained.has_trees else LINEAR_OUTPUTS))
    iterations = None
    if trained.has_trees and data.draw(st.booleans()):
        # XGBoost gives leaves from the first iteration on only.
        begin = 0 if output == "leaf" else data.draw(st.integers(0, booster.num_boosted_rounds() - 1))
        iterations = (begin, data.draw(st.integers(begin + 1, booster.num_boosted_rounds())))
    # Only this way XGBoost takes infinities, and of dart it computes something else then.
    in_place = output == "margin" and trained.parameters["booster"] == "gbtree" and data.draw(st.booleans())
    infinite = in_place or math.isinf(missing)
    columns = booster.predict(xgboost.DMatrix(trained.rows(2), nthread=1), output_margin=True).size // 2
    has_start = output != "leaf" and data.draw(st.booleans())

    def inputs(rows: int) -> Inputs:
        x = trained.rows(rows, infinite=infinite, seed=rows)
        start = np.random.default_rng(rows).normal(size=(rows, columns)).astype(np.float32)
        return {"data": x, **({"base_margin": start if columns > 1 else start[:, 0]} if has_start else {})}

    def answer(given: Inputs) -> Array:
        options: dict[str, Any] = {"iteration_range": iterations or (0, 0)}
        start = given.get("base_margin")
        if in_place:
            kind = {"predict_type": "margin", "missing": missing, "base_margin": start}
            return booster.inplace_predict(given["data"], validate_features=False, **kind, **options)
        rows = xgboost.DMatrix(given["data"], missing=missing, base_margin=start, nthread=1)
        kind = {"output_margin": output == "margin", "pred_leaf": output == "leaf"}
        result = booster.predict(rows, validate_features=False, **kind, **options)
        return np.sort(result, axis=-1) if is_sorted and output == "prediction" and result.ndim == 2 else result

    wanted = Prediction(written, output, iterations=iterations, missing=missing)
    same = assert_one_unit if output == "prediction" else assert_same_bits
    note(f"{output}, iterations {iterations}, missing {missing}, in place {in_place}, base margins {has_start}")
    check_compiled(wanted, build, inputs, answer, same)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_xgboost(data: st.DataObject) -> None:
    check_xgboost(data)


@pytest.mark.long
def test_xgboost_at_length() -> None:
    fuzz(check_xgboost, LONG_SECONDS)


def check_lightgbm(data: st.DataObject) -> None:
    """Margins, predictions or leaves of one model, of all its iterations or some."""
    trained = data.draw(lightgbm_models(data.draw(st.sampled_from([lightgbm_training.SMALL, lightgbm_training.LARGE]))))
    output = data.draw(st.sampled_from(("margin", "prediction", "leaf")))
    count = trained.booster.current_iteration()
    begin = data.draw(st.integers(0, count - 1))
    iterations = data.draw(st.sampled_from([None, (begin, data.draw(st.integers(begin + 1, count)))]))
    kind: dict[str, Any] = {"raw_score": output == "margin", "pred_leaf": output == "leaf"}
    if iterations:
        kind |= {"start_iteration": iterations[0], "num_iteration": iterations[1] - iterations[0]}

    def answer(given: Inputs) -> Array:
        return np.asarray(trained.booster.predict(given["data"], num_threads=1, validate_features=False, **kind))

    note(f"{output}, iterations {iterations}")
    wanted = lightgbm.Prediction(trained.booster.model_to_string().encode(), output, iterations=iterations)
    same = assert_close if output == "prediction" else assert_same
    check_compiled(wanted, data.draw(builds()), lambda rows: {"data": _repeated(trained.rows, rows)}, answer, same)


def check_sklearn(data: st.DataObject) -> None:
    """What an estimator says: probabilities, numbers, margins or leaves."""
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    size = data.draw(st.sampled_from([sklearn_training.SMALL, sklearn_training.LARGE]))
    model, takes_missing = data.draw(estimators(size))
    features, missing = data.draw(st.integers(1, size.features)), takes_missing and data.draw(st.booleans())
    labels = labels_of(generator, model, data.draw(st.integers(2, 4)), size.samples)
    model.fit(rows_of(generator, features, missing=missing, count=size.samples), labels)
    x = rows_of(generator, features, missing=missing, count=size.samples)
    output, predict, same = data.draw(st.sampled_from(list(_methods(model))))
    note(f"{model}, {output}, missing {missing}")
    check_compiled(
        sklearn.Prediction(model, output),
        data.draw(builds()),
        lambda rows: {"data": _repeated(x, rows)},
        lambda given: predict(given["data"]),
        same,
    )


def _methods(model: Any) -> Iterator[tuple[sklearn_output.Output, Callable[[Array], Array], Compare]]:
    """What may be asked of an estimator, its own method for that, and how close results must be."""
    is_classifier = hasattr(model, "predict_proba")
    yield (
        "prediction",
        model.predict,
        sklearn_comparing.assert_same if is_classifier else sklearn_comparing.assert_close,
    )
    if is_classifier:
        yield "probability", model.predict_proba, sklearn_comparing.assert_close
    if hasattr(model, "decision_function"):
        yield "margin", model.decision_function, sklearn_comparing.assert_same
    if hasattr(model, "apply"):
        yield "leaf", model.apply, _assert_same_leaves


def _assert_same_leaves(got: Array, want: Array) -> None:
    """Equal numbers; a boosted estimator counts its outputs apart, and has leaves that are floats."""
    np.testing.assert_array_equal(got.reshape(len(want), -1), want.reshape(len(want), -1))


def _repeated(x: Array, rows: int) -> Array:
    """``rows`` rows, those of ``x`` again and again."""
    return x[np.arange(rows) % len(x)]


@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_lightgbm(data: st.DataObject) -> None:
    check_lightgbm(data)


@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_sklearn(data: st.DataObject) -> None:
    check_sklearn(data)


@pytest.mark.long
@pytest.mark.parametrize("check", [check_lightgbm, check_sklearn], ids=lambda check: check.__name__)
def test_others_at_length(check: Callable[[st.DataObject], None]) -> None:
    fuzz(check)
