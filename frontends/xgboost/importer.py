"""From a model as read to a graph: the margins of a forest or of a linear model, and the objective's transform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Value
from compiler.ir.ops.binary import Add, And, Equal, Mul, Select
from compiler.ir.ops.bits import Bitcast
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.movement import Broadcast, Reshape
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.unary import Cast, IsNan
from frontends.errors import UnsupportedModel
from frontends.rows import RowsGraph
from frontends.xgboost.model import LinearBooster, XGBoostModel
from frontends.xgboost.prediction import Prediction

BASE_MARGIN = "base_margin"


def import_model(
    model: XGBoostModel,
    name: str,
    wanted: Prediction,
    inputs: Mapping[str, Sequence[int]],
    bind: Mapping[str, ArrayLike],
) -> Graph:
    """The graph of what is wanted. Raises InputError, MalformedModel, UnsupportedModel."""
    return _Importer(model, wanted, RowsGraph(name, model.features, inputs, bind, (BASE_MARGIN,))).graph()


class _Importer:
    def __init__(self, model: XGBoostModel, wanted: Prediction, rows: RowsGraph) -> None:
        self.model = model
        self.wanted = wanted
        self.rows = rows

    def graph(self) -> Graph:
        x = self.with_missing(self.rows.data)
        start = self.start()
        result = self.leaves(x) if self.wanted.output == "leaf" else self.numbers(x, start)
        return self.rows.finish(self.wanted.output, result, self.wanted.column)

    def with_missing(self, data: Value) -> Value:
        """NaN for whatever counts as missing. Bits are compared: some processors take subnormal floats for zeros."""
        emit, constant = self.rows.emit, self.rows.constant
        with np.errstate(over="ignore"):
            missing = np.array(self.wanted.missing_value, np.float32)
        if np.isnan(missing):
            return data
        bits = emit(Bitcast(DType.I32), data)
        if missing == 0:
            # Of either sign.
            missing = np.abs(missing)
            bits = emit(And(), bits, constant(np.array(0x7FFFFFFF, np.int32)))
        is_missing = emit(Equal(), bits, constant(np.array(missing).view(np.int32)))
        return emit(Select(), is_missing, constant(np.array(np.nan, np.float32)), data)

    def start(self) -> Value | None:
        """What the user's base margins are, ``f32[batch, outputs]``, or None: those of the model."""
        shape = self.rows.shape_of(BASE_MARGIN)
        if shape is None:
            return None
        full = (self.rows.batch, self.model.outputs)
        if shape != full and not (self.model.outputs == 1 and shape == full[:1]):
            raise self.rows.fail(f"{BASE_MARGIN!r} must have the shape {list(full)}, not {list(shape)}")
        return self.rows.emit(Reshape(full), self.rows.argument(BASE_MARGIN, shape))

    def leaves(self, x: Value) -> Value:
        """``f32[batch, trees]``."""
        booster = self.model.booster
        if isinstance(booster, LinearBooster):
            raise UnsupportedModel(f"{self.rows.name}: a linear model has no leaves")
        forest = booster.forest(self.model.base, self.model.features, self.iterations())
        return self.rows.emit(Cast(DType.F32), self.rows.emit(ForestLeaves(forest), x))

    def numbers(self, x: Value, start: Value | None) -> Value:
        """``f32[batch, outputs]``, or one column where a class is predicted."""
        booster = self.model.booster
        if isinstance(booster, LinearBooster):
            margins = self.linear(booster, x, start)
        else:
            forest = booster.forest(self.model.base, self.model.features, self.iterations())
            margins = self.rows.emit(ForestSums(forest), x, *([] if start is None else [start]))
        if self.wanted.output == "margin":
            return margins
        return self.model.objective.prediction(self.rows.rewriter, margins)

    def iterations(self) -> tuple[int, int]:
        return self.wanted.iterations_of(self.model.best_iteration)

    def linear(self, booster: LinearBooster, x: Value, start: Value | None) -> Value:
        """Bias and base score, to which the products of the present features are added one after the other."""
        if self.wanted.iterations is not None:
            raise self.rows.fail("a linear model has no iterations to choose from")
        emit, constant = self.rows.emit, self.rows.constant
        batch, features = x.type.shape
        outputs = self.model.outputs
        if start is None:
            # XGBoost 3.2 starts all outputs of a linear model at the base score of the first one.
            first = constant(booster.bias + self.model.base[0])
        else:
            first = emit(Add(), start, constant(booster.bias))
        first = emit(Broadcast((batch, outputs)), first)
        wide = emit(Reshape((batch, features, 1)), x)
        products = emit(Mul(), wide, constant(np.ascontiguousarray(booster.weights)))
        # Adding -0 leaves any number as it is.
        nothing = constant(np.array(-0.0, np.float32))
        present = emit(Select(), emit(IsNan(), wide), nothing, products)
        return emit(OrderedSum(), first, present)
