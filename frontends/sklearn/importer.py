"""From a fitted object to a graph: the steps of a pipeline, the sums of a forest, and the link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Value
from compiler.ir.ops.binary import Add, Div, Less, LessEqual, Mul, Sub
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Concat, Reshape
from compiler.ir.ops.reduction import ArgMax, ReduceMax, ReduceSum
from compiler.ir.ops.unary import Cast, Exp
from frontends.errors import InputError, UnsupportedModel
from frontends.rows import RowsGraph
from frontends.sklearn.estimators import Estimator, read_estimator
from frontends.sklearn.fitted import Fitted
from frontends.sklearn.prediction import Output, Prediction
from frontends.sklearn.steps import apply_step


def import_model(wanted: Prediction, inputs: Mapping[str, Sequence[int]], bind: Mapping[str, ArrayLike]) -> Graph:
    """The graph of what is wanted. Raises InputError, MalformedModel, UnreadableModel, UnsupportedModel."""
    name = f"the {type(wanted.model).__name__}"
    *steps, last = _steps(Fitted(wanted.model, name))
    estimator = read_estimator(last)
    first = steps[0] if steps else last
    graph = RowsGraph(name, first.count("n_features_in_"), inputs, bind)
    x = graph.data
    for step in steps:
        x = apply_step(graph, step, x)
    if x.type.shape[1] != estimator.forest.features:
        last.fail(f"it was fitted on {estimator.forest.features} columns and gets {x.type.shape[1]}")
    x = graph.emit(Cast(DType.F32), x) if x.type.dtype is not DType.F32 else x
    output: Output = wanted.output or ("prediction" if estimator.classes is None else "probability")
    result = _output(graph, estimator, x, output)
    if wanted.dtype == "f32" and result.type.dtype is DType.F64:
        result = graph.emit(Cast(DType.F32), result)
    return graph.finish(output, result, wanted.column)


def _steps(fitted: Fitted) -> list[Fitted]:
    """The steps of a pipeline, or the object alone."""
    if fitted.kind != "Pipeline":
        return [fitted]
    steps = fitted.get("steps")
    if not isinstance(steps, list) or not steps:
        fitted.fail("it has no steps")
    named = [Fitted(step, f"{fitted.name}: step {name!r}") for name, step in steps]
    return [step for step in named[:-1] if step.value is not None and step.value != "passthrough"] + named[-1:]


def _output(graph: RowsGraph, estimator: Estimator, x: Value, output: Output) -> Value:
    """``[batch, columns]``"""
    if output == "leaf":
        if not estimator.has_leaves:
            raise InputError(f"{estimator.name}: its leaves have no numbers")
        return graph.emit(ForestLeaves(estimator.forest), x)
    margins = graph.emit(ForestSums(estimator.forest), x)
    if estimator.divisor != 1:
        margins = graph.emit(Div(), margins, graph.scalar(estimator.divisor, DType.F64))
    if output == "margin":
        if estimator.link == "shares":
            raise InputError(f"{estimator.name}: it has no margins")
        return margins
    if estimator.classes is None:
        if output == "probability":
            raise InputError(f"{estimator.name}: a regressor has no probabilities")
        return graph.emit(Exp(), margins) if estimator.link == "exp" else margins
    return _probabilities(graph, estimator, margins) if output == "probability" else _classes(graph, estimator, margins)


def _probabilities(graph: RowsGraph, estimator: Estimator, margins: Value) -> Value:
    """``f64[batch, classes]``"""
    if estimator.link == "shares":
        return margins
    one = graph.scalar(1, DType.F64)
    if estimator.link == "softmax":
        powers = graph.emit(Exp(), graph.emit(Sub(), margins, graph.emit(ReduceMax((1,)), margins)))
        return graph.emit(Div(), powers, graph.emit(ReduceSum((1,)), powers))
    scale = graph.scalar(-2 if estimator.link == "expit of twice" else -1, DType.F64)
    second = graph.emit(Div(), one, graph.emit(Add(), one, graph.emit(Exp(), graph.emit(Mul(), scale, margins))))
    return graph.emit(Concat(1), graph.emit(Sub(), one, second), second)


def _classes(graph: RowsGraph, estimator: Estimator, margins: Value) -> Value:
    """``[batch, 1]`` in the type of the classes."""
    classes = estimator.classes
    assert classes is not None
    if classes.dtype.kind not in "biuf" or classes.dtype == np.float16:
        raise UnsupportedModel(
            f"{estimator.name}: its classes are {classes.dtype}, not numbers; ask for output='probability', whose"
            " columns are in the order of classes_"
        )
    if margins.type.shape[1] == 1:
        zero = graph.scalar(0, DType.F64)
        second = graph.emit(LessEqual() if estimator.second_at_zero else Less(), zero, margins)
        chosen = graph.emit(Cast(DType.I64), second)
    else:
        chosen = graph.emit(ArgMax(1), margins)
    chosen = graph.emit(Reshape((graph.batch, 1)), chosen)
    return graph.emit(Gather(0), graph.constant(classes), chosen)
