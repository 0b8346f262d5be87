"""Random models against ``Booster.predict``, over objectives, boosters, kinds of features and missing values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontends.lightgbm import Prediction
from tests.differential.fuzzing import fuzz
from tests.frontends.lightgbm.comparing import assert_close, assert_same, outputs_of
from tests.frontends.lightgbm.training import trained_models


def check(data: st.DataObject) -> None:
    """Margins, predictions, leaves and a range of iterations of one model."""
    trained = data.draw(trained_models())
    booster, x = trained.booster, trained.rows
    model = booster.model_to_string().encode()
    options: dict[str, Any] = {"num_threads": 1, "validate_features": False}
    assert_same(outputs_of(Prediction(model, "margin"), x), booster.predict(x, raw_score=True, **options))
    assert_close(outputs_of(Prediction(model), x), booster.predict(x, **options))
    assert_same(outputs_of(Prediction(model, "leaf"), x), booster.predict(x, pred_leaf=True, **options))
    count = booster.current_iteration()
    begin = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(begin + 1, count))
    part = booster.predict(x, start_iteration=begin, num_iteration=end - begin, **options)
    assert_close(outputs_of(Prediction(model, iterations=(begin, end)), x), part)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_models(data: st.DataObject) -> None:
    check(data)


@pytest.mark.long
def test_models_at_length() -> None:
    fuzz(check)
