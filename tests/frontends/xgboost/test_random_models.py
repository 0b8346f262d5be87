"""Random models against ``Booster.predict``, over objectives, boosters, features, outputs and formats."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontends.xgboost import Prediction
from tests.differential.fuzzing import fuzz
from tests.frontends.xgboost.comparing import assert_one_unit, assert_same_bits, outputs_of
from tests.frontends.xgboost.training import trained_models


def check(data: st.DataObject) -> None:
    """Margins, predictions, leaves, base margins and a range of iterations of one model."""
    trained = data.draw(trained_models())
    booster, x = trained.booster, trained.rows(40)
    model = bytes(booster.save_raw(data.draw(st.sampled_from(["json", "ubj"]))))
    rows = xgboost.DMatrix(x, nthread=1)
    margins = booster.predict(rows, output_margin=True)
    assert_same_bits(outputs_of(Prediction(model, "margin"), {"data": x}), margins)
    assert_one_unit(outputs_of(Prediction(model), {"data": x}), booster.predict(rows))
    start = np.linspace(-2, 2, margins.size, dtype=np.float32).reshape(margins.shape)
    started = booster.predict(xgboost.DMatrix(x, base_margin=start, nthread=1), output_margin=True)
    assert_same_bits(outputs_of(Prediction(model, "margin"), {"data": x, "base_margin": start}), started)
    if not trained.has_trees:
        return
    assert_same_bits(outputs_of(Prediction(model, "leaf"), {"data": x}), booster.predict(rows, pred_leaf=True))
    begin = data.draw(st.integers(0, booster.num_boosted_rounds() - 1))
    wanted = (begin, data.draw(st.integers(begin + 1, booster.num_boosted_rounds())))
    part = booster.predict(rows, output_margin=True, iteration_range=wanted)
    assert_same_bits(outputs_of(Prediction(model, "margin", iterations=wanted), {"data": x}), part)


@settings(max_examples=60, deadline=timedelta(seconds=60), suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_models(data: st.DataObject) -> None:
    check(data)


@pytest.mark.long
def test_models_at_length() -> None:
    fuzz(check)
