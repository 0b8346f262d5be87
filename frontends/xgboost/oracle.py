"""What an XGBoost model's outputs should be: XGBoost says so. Imported on demand only."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import xgboost

from compiler.ir.literal import Array
from frontends.errors import NoAnswerError
from frontends.rows import DATA
from frontends.xgboost.document import Model, model_bytes
from frontends.xgboost.importer import BASE_MARGIN
from frontends.xgboost.model import LinearBooster, Trees, read_model
from frontends.xgboost.objectives import objective_of
from frontends.xgboost.prediction import Prediction


def run(source: Model | Prediction, inputs: Mapping[str, Array]) -> tuple[dict[str, Array], str]:
    """The output by name, and who computed it: ``Booster.predict`` of a ``DMatrix``.

    Raises NoAnswerError, or the frontend's ModelError.
    """
    wanted = Prediction.of(source)
    data, name = model_bytes(wanted.model)
    model = read_model(data, name)
    if isinstance(model.booster, Trees) and model.booster.has_old_vectors:
        # XGBoost 3.2 does not refuse such a file, it crashes.
        raise NoAnswerError(f"XGBoost {xgboost.__version__} cannot load leaves of several values of an older format")
    if isinstance(model.booster, LinearBooster) and model.objective.has_link and not model.booster.has_rounds:
        # XGBoost 3.2 takes such a model for one that is not trained, and its base score for a margin.
        raise NoAnswerError(f"XGBoost {xgboost.__version__} forgets the link of linear models of an older format")
    if wanted.output == "prediction" and objective_of(model.objective_name, _release()) != model.objective:
        raise NoAnswerError(
            f"XGBoost {xgboost.__version__} computes {model.objective_name} otherwise than the model's own"
        )
    margin = inputs.get(BASE_MARGIN)
    try:
        with xgboost.config_context(verbosity=0):  # it warns of files of older releases, which are no concern here
            booster = _booster(data)
            rows = xgboost.DMatrix(inputs[DATA], missing=wanted.missing_value, base_margin=margin, nthread=1)
            result = booster.predict(
                rows,
                output_margin=wanted.output == "margin",
                pred_leaf=wanted.output == "leaf",
                iteration_range=wanted.iterations_of(model.best_iteration),
                validate_features=False,
            )
    except xgboost.core.XGBoostError as error:
        raise NoAnswerError(f"XGBoost {xgboost.__version__}: {str(error).splitlines()[0]}") from error
    if wanted.column is not None:
        result = result.reshape(result.shape[0], -1)[:, wanted.column]
    return {wanted.output: np.asarray(result, np.float32)}, f"xgboost {xgboost.__version__}"


@functools.lru_cache(maxsize=1)
def _booster(data: bytes) -> xgboost.Booster:
    """XGBoost's own reading, once for the several inputs that a build asks about."""
    return xgboost.Booster(model_file=bytearray(data))


def _release() -> tuple[int, ...]:
    return tuple(int(number) for number in xgboost.__version__.split(".")[:2])
