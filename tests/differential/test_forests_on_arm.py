"""Whole artifacts of XGBoost models for 64- and 32-bit ARM, run by a C program under the emulator: margins to the bit.

The kernels have tests of their own on these machines; here are the tables, the runtime and its ways through a batch.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontends.xgboost import Prediction
from tests.differential.forests import Build, Inputs, check_compiled
from tests.differential.fuzzing import fuzz
from tests.differential.test_forests import check_xgboost
from tests.emulation import skip_without_emulator
from tests.frontends.xgboost import formats
from tests.frontends.xgboost.comparing import assert_one_unit, assert_same_bits
from tests.frontends.xgboost.training import Column, Trained, train

TARGETS = ("arm_cortex_a72", "armv7a_neon")
NUMBERS = (Column("q", 1.0), Column("q", 1e30), Column("q", 1e-39))
"""Thresholds of the last one are subnormal."""


@dataclass(frozen=True)
class Kind:
    """What is special about a model; ``factor`` scales the values of its leaves."""

    parameters: dict[str, Any]
    columns: tuple[Column, ...] = NUMBERS
    targets: int = 1
    factor: float = 1.0

    def trained(self) -> Trained:
        """A model of a few trees of depth 4 unless ``parameters`` say otherwise."""
        common = {"max_depth": 4, "min_child_weight": 0.0, "tree_method": "hist", "nthread": 1, "seed": 3}
        trained = train({"booster": "gbtree", **common, **self.parameters}, self.columns, 7, 300, 6, self.targets)
        if self.factor == 1.0:
            return trained
        document = formats.with_scaled_leaves(trained.document(), self.factor)
        model = bytearray(json.dumps(document).encode())
        return dataclasses.replace(trained, booster=xgboost.Booster({"nthread": 1}, model_file=model))


SQUARES = {"objective": "reg:squarederror"}
CATEGORIES = (Column("c", 9), Column("c", 300), Column("q", 1.0))
KINDS = {
    "regression": Kind(SQUARES),
    "deep": Kind({**SQUARES, "max_depth": 11}),
    "classes": Kind({"objective": "multi:softprob", "num_class": 3}),
    "categories": Kind({**SQUARES, "max_cat_to_onehot": 1}, CATEGORIES),
    "dart": Kind({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5, "one_drop": 1}),
    "vectors": Kind({**SQUARES, "multi_strategy": "multi_output_tree"}, targets=3),
    "subnormal": Kind({**SQUARES, "base_score": 0.0}, factor=1e-39),
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_kinds(kind: Kind, name: str) -> None:
    skip_without_emulator(name)
    trained = kind.trained()

    def margins(given: Inputs) -> np.ndarray:
        return trained.booster.predict(xgboost.DMatrix(given["data"], nthread=1), output_margin=True)

    build = Build(name, "auto", None, threads=2)
    model = Prediction(trained.booster, "margin")
    check_compiled(model, build, lambda rows: {"data": trained.rows(rows, seed=rows)}, margins, assert_same_bits)


@pytest.mark.parametrize("name", TARGETS)
def test_predictions(name: str) -> None:
    skip_without_emulator(name)
    trained = KINDS["classes"].trained()

    def predictions(given: Inputs) -> np.ndarray:
        return trained.booster.predict(xgboost.DMatrix(given["data"], nthread=1))

    build = Build(name, "auto", None, threads=1)
    check_compiled(trained.booster, build, lambda rows: {"data": trained.rows(rows)}, predictions, assert_one_unit)


@pytest.mark.parametrize("name", TARGETS)
def test_zeros_are_missing_values_and_subnormals_are_not(name: str) -> None:
    skip_without_emulator(name)
    trained = KINDS["regression"].trained()

    def margins(given: Inputs) -> np.ndarray:
        return trained.booster.predict(xgboost.DMatrix(given["data"], missing=0.0, nthread=1), output_margin=True)

    build = Build(name, "auto", 3, threads=1)
    model = Prediction(trained.booster, "margin", missing=0.0)
    x = np.array([[0.0, -0.0, 1e-39], [1e-45, 1.0, 0.0], [-1e-45, 1e-45, -1e-45]], np.float32)
    check_compiled(model, build, lambda rows: {"data": x}, margins, assert_same_bits)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_models(name: str, data: st.DataObject) -> None:
    skip_without_emulator(name)
    check_xgboost(data, [name])


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_random_models_at_length(name: str) -> None:
    skip_without_emulator(name)
    fuzz(lambda data: check_xgboost(data, [name]))
