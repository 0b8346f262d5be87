"""The objectives of LightGBM: how margins become predictions (``ConvertOutput`` of ``src/objective/*``), in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.ops.binary import Add, Div, Equal, Mul, Select, Sub
from compiler.ir.ops.movement import Reshape
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.reduction import ReduceMax
from compiler.ir.ops.unary import Exp, Log, Sign
from frontends.errors import MalformedModel, UnsupportedModel
from frontends.rows import RowsGraph

Transform = Callable[[RowsGraph, Value], Value]
"""``f64[batch, outputs]`` to the same."""


def transform_of(objective: str, place: str) -> Transform:
    """The transform of an objective as a model spells it: ``binary sigmoid:1``.

    ``place`` begins messages. Raises UnsupportedModel, MalformedModel.
    """
    name, *settings = objective.split() or [""]
    if name in _SIGMOIDS:
        return _sigmoid(_setting(settings, "sigmoid", place))
    if name not in _TRANSFORMS:
        known = ", ".join(sorted([*_SIGMOIDS, *_TRANSFORMS]))
        raise UnsupportedModel(f"{place}: the objective {name[:40]!r} is not supported; known are {known}")
    transform = _TRANSFORMS[name]
    return _square if transform is identity and "sqrt" in settings else transform


def _setting(settings: list[str], key: str, place: str) -> float:
    value = next((word.removeprefix(f"{key}:") for word in settings if word.startswith(f"{key}:")), "1")
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < np.inf:
        raise MalformedModel(f"{place}: the objective's {key} is no positive number: {value[:40]!r}")
    return number


def identity(graph: RowsGraph, x: Value) -> Value:
    """Margins as they are."""
    return x


def _exponential(graph: RowsGraph, x: Value) -> Value:
    return graph.emit(Exp(), x)


def _sigmoid(scale: float) -> Transform:
    """``1 / (1 + exp(-scale * x))``"""

    def transform(graph: RowsGraph, x: Value) -> Value:
        one = graph.scalar(1, DType.F64)
        power = graph.emit(Exp(), graph.emit(Mul(), graph.scalar(-scale, DType.F64), x))
        return graph.emit(Div(), one, graph.emit(Add(), one, power))

    return transform


def _square(graph: RowsGraph, x: Value) -> Value:
    """``sign(x) x x``, of models whose labels were replaced by their roots."""
    return graph.emit(Mul(), graph.emit(Mul(), graph.emit(Sign(), x), x), x)


def _log_of_one_and_exponential(graph: RowsGraph, x: Value) -> Value:
    """``log1p(exp(x))``; with ``u = 1 + y`` rounded, ``log(u) * y / (u - 1)`` is close to ``log1p(y)`` for any y
    (W. Kahan), and y itself where u is 1 or infinite."""
    one = graph.scalar(1, DType.F64)
    y = graph.emit(Exp(), x)
    u = graph.emit(Add(), one, y)
    close = graph.emit(Div(), graph.emit(Mul(), graph.emit(Log(), u), y), graph.emit(Sub(), u, one))
    huge = graph.emit(Select(), graph.emit(Equal(), y, graph.scalar(np.inf, DType.F64)), y, close)
    return graph.emit(Select(), graph.emit(Equal(), u, one), y, huge)


def _softmax(graph: RowsGraph, x: Value) -> Value:
    """``exp(x - max)`` divided by their sum, which is added up in order."""
    rows, classes = x.type.shape
    powers = graph.emit(Exp(), graph.emit(Sub(), x, graph.emit(ReduceMax((1,)), x)))
    zeros = graph.constant(np.zeros((rows, 1)))
    return graph.emit(Div(), powers, graph.emit(OrderedSum(), zeros, graph.emit(Reshape((rows, classes, 1)), powers)))


_SIGMOIDS = ("binary", "multiclassova", "cross_entropy", "xentropy")

_TRANSFORMS: dict[str, Transform] = {
    "": identity,
    "none": identity,
    "custom": identity,
    "regression": identity,
    "regression_l1": identity,
    "regression_l2": identity,
    "huber": identity,
    "fair": identity,
    "quantile": identity,
    "mape": identity,
    "lambdarank": identity,
    "rank_xendcg": identity,
    "poisson": _exponential,
    "gamma": _exponential,
    "tweedie": _exponential,
    "multiclass": _softmax,
    "cross_entropy_lambda": _log_of_one_and_exponential,
    "xentlambda": _log_of_one_and_exponential,
}
"""By the name that a model has them under; the empty one is that of training with a function of the user's."""
