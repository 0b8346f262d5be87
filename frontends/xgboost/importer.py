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
from compiler.ir.ops.movement import Broadcast, Reshape, Slice
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.unary import Cast, IsNan
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import TensorType
from frontends.errors import InputError, UnsupportedModel
from frontends.rows import DATA, DEFAULT_BATCH
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
    return _Importer(model, name, wanted, inputs, bind).graph()


class _Importer:
    def __init__(
        self,
        model: XGBoostModel,
        name: str,
        wanted: Prediction,
        inputs: Mapping[str, Sequence[int]],
        bind: Mapping[str, ArrayLike],
    ) -> None:
        self.model = model
        self.name = name
        self.wanted = wanted
        self.inputs = inputs
        self.bind = bind
        self.made = Graph(name)
        self.rewriter = Rewriter(self.made)

    def fail(self, reason: str) -> InputError:
        return InputError(f"{self.name}: {reason}")

    def graph(self) -> Graph:
        unknown = [name for name in (*self.inputs, *self.bind) if name not in (DATA, BASE_MARGIN)]
        if unknown:
            raise self.fail(f"has no input {unknown[0]!r}; its inputs are {DATA!r} and, if asked for, {BASE_MARGIN!r}")
        batch = self.batch()
        data = self.argument(DATA, (batch, self.model.features))
        x = self.with_missing(data)
        start = self.start(batch)
        result = self.leaves(x) if self.wanted.output == "leaf" else self.numbers(x, start)
        self.rewriter.output(self.wanted.output, self.shaped(result, batch))
        return self.made

    def batch(self) -> int:
        shape = self.shape_of(DATA)
        if shape is None:
            return DEFAULT_BATCH
        if len(shape) != 2 or shape[1] != self.model.features or shape[0] < 1:
            raise self.fail(f"{DATA!r} must have the shape [batch, {self.model.features}], not {list(shape)}")
        return shape[0]

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """The shape that the user gives an input, or that its fixed value has."""
        return (
            np.shape(self.bind[name])
            if name in self.bind
            else tuple(self.inputs[name])
            if name in self.inputs
            else None
        )

    def argument(self, name: str, shape: tuple[int, ...]) -> Value:
        if name not in self.bind:
            return self.rewriter.input(name, TensorType(DType.F32, shape))
        try:
            return self.rewriter.constant(np.array(self.bind[name], np.float32))
        except (ValueError, TypeError):
            raise self.fail(f"{name!r} is bound to what are no numbers") from None

    def with_missing(self, data: Value) -> Value:
        """NaN for whatever counts as missing. Bits are compared: some processors take subnormal floats for zeros."""
        emit, constant = self.rewriter.emit, self.rewriter.constant
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

    def start(self, batch: int) -> Value | None:
        """What the user's base margins are, ``f32[batch, outputs]``, or None: those of the model."""
        shape = self.shape_of(BASE_MARGIN)
        if shape is None:
            return None
        full = (batch, self.model.outputs)
        if shape != full and not (self.model.outputs == 1 and shape == (batch,)):
            raise self.fail(f"{BASE_MARGIN!r} must have the shape {list(full)}, not {list(shape)}")
        return self.rewriter.emit(Reshape(full), self.argument(BASE_MARGIN, shape))

    def leaves(self, x: Value) -> Value:
        """``f32[batch, trees]``."""
        booster = self.model.booster
        if isinstance(booster, LinearBooster):
            raise UnsupportedModel(f"{self.name}: a linear model has no leaves")
        forest = booster.forest(self.model.base, self.model.features, self.iterations())
        return self.rewriter.emit(Cast(DType.F32), self.rewriter.emit(ForestLeaves(forest), x))

    def numbers(self, x: Value, start: Value | None) -> Value:
        """``f32[batch, outputs]``, or one column where a class is predicted."""
        booster = self.model.booster
        if isinstance(booster, LinearBooster):
            margins = self.linear(booster, x, start)
        else:
            forest = booster.forest(self.model.base, self.model.features, self.iterations())
            margins = self.rewriter.emit(ForestSums(forest), x, *([] if start is None else [start]))
        return margins if self.wanted.output == "margin" else self.model.objective.prediction(self.rewriter, margins)

    def iterations(self) -> tuple[int, int]:
        return self.wanted.iterations_of(self.model.best_iteration)

    def linear(self, booster: LinearBooster, x: Value, start: Value | None) -> Value:
        """Bias and base score, to which the products of the present features are added one after the other."""
        if self.wanted.iterations is not None:
            raise self.fail("a linear model has no iterations to choose from")
        emit, constant = self.rewriter.emit, self.rewriter.constant
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

    def shaped(self, result: Value, batch: int) -> Value:
        """The wanted column; a single one as ``f32[batch]``, as XGBoost returns it."""
        columns, column = result.type.shape[1], self.wanted.column
        if column is not None:
            if not 0 <= column < columns:
                raise self.fail(f"there is no column {column} of {columns}")
            result = self.rewriter.emit(Slice((0, column), (batch, 1), (1, 1)), result)
        if result.type.shape[1] == 1:
            result = self.rewriter.emit(Reshape((batch,)), result)
        return result
