"""What a LightGBM model's outputs should be: LightGBM says so. Imported on demand only."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout

import lightgbm
import numpy as np

from compiler.ir.literal import Array
from frontends.errors import NoAnswerError
from frontends.lightgbm.document import Model, model_text
from frontends.lightgbm.model import read_model
from frontends.lightgbm.prediction import Prediction
from frontends.rows import DATA


def run(source: Model | Prediction, inputs: Mapping[str, Array]) -> tuple[dict[str, Array], str]:
    """The output by name, and who computed it: ``Booster.predict``.

    Raises NoAnswerError, or the frontend's ModelError.
    """
    wanted = Prediction.of(source)
    text = model_text(wanted.model)
    model = read_model(text)
    begin, end = model.range_of(wanted.iterations_of(model.best_iteration))
    try:
        # LightGBM prints warnings of parameters of training, among what the command itself prints.
        with redirect_stdout(io.StringIO()):
            booster = lightgbm.Booster(model_str=text.data.decode())
            result = booster.predict(
                np.asarray(inputs[DATA], np.float32),
                start_iteration=begin,
                num_iteration=end - begin,
                raw_score=wanted.output == "margin",
                pred_leaf=wanted.output == "leaf",
                validate_features=False,
                num_threads=1,
                predict_disable_shape_check=True,
            )
    except lightgbm.basic.LightGBMError as error:
        raise NoAnswerError(f"LightGBM {lightgbm.__version__}: {str(error).splitlines()[0]}") from error
    array = np.asarray(result)
    if wanted.column is not None:
        array = array.reshape(array.shape[0], -1)[:, wanted.column]
    dtype = np.int32 if wanted.output == "leaf" else np.float32 if wanted.dtype == "f32" else np.float64
    return {wanted.output: array.astype(dtype)}, f"lightgbm {lightgbm.__version__}"
