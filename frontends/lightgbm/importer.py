"""From a model as read to a graph: features prepared, the sums of a forest, and the objective's transform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Value
from compiler.ir.ops.binary import And, Div, LessEqual, Select
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Concat
from compiler.ir.ops.unary import Abs, Cast, Trunc
from frontends.errors import UnsupportedModel
from frontends.lightgbm.model import LightGBMModel
from frontends.lightgbm.objectives import identity
from frontends.lightgbm.prediction import Prediction
from frontends.lightgbm.trees import NEARLY_ZERO, Preparation, forest_of
from frontends.rows import RowsGraph


def import_model(
    model: LightGBMModel,
    wanted: Prediction,
    inputs: Mapping[str, Sequence[int]],
    bind: Mapping[str, ArrayLike],
) -> Graph:
    """The graph of what is wanted. Raises InputError, MalformedModel, UnsupportedModel."""
    graph = RowsGraph(model.name, model.features, inputs, bind)
    begin, end = model.range_of(wanted.iterations_of(model.best_iteration))
    forest, preparation = forest_of(
        model.trees[begin * model.outputs : end * model.outputs], model.outputs, model.features
    )
    x = _prepared(graph, preparation)
    if wanted.output == "leaf":
        return graph.finish(wanted.output, graph.emit(ForestLeaves(forest), x), wanted.column, is_table=True)
    result = graph.emit(ForestSums(forest), x)
    if wanted.output == "prediction":
        if model.is_average:
            _check_meaning(model)
            result = graph.emit(Div(), result, graph.scalar(end - begin, DType.F64))
        result = model.transform(graph, result)
    if wanted.dtype == "f32":
        result = graph.emit(Cast(DType.F32), result)
    return graph.finish(wanted.output, result, wanted.column)


def _check_meaning(model: LightGBMModel) -> None:
    """Some releases that wrote format v2 transformed the leaves of random forests, others their means."""
    if model.version == "v2" and model.transform is not identity:
        raise UnsupportedModel(
            f"{model.name}: releases that write format v2 disagree on predictions of random forests; ask for margins,"
            " which are sums over trees"
        )


def _prepared(graph: RowsGraph, preparation: Preparation) -> Value:
    """The columns that the forest sees."""
    x = graph.data
    if preparation.truncated.any():
        x = graph.emit(Select(), graph.constant(preparation.truncated), graph.emit(Trunc(), x), x)
    copies: list[Value] = []
    if preparation.copied.size:
        chosen = graph.emit(Gather(1), x, graph.constant(preparation.copied))
        copies = [_without(graph, chosen, _zeros(graph, chosen))]
    if preparation.zero_missing.any():
        x = _without(graph, x, graph.emit(And(), graph.constant(preparation.zero_missing), _zeros(graph, x)))
    return graph.emit(Concat(1), x, *copies) if copies else x


def _zeros(graph: RowsGraph, x: Value) -> Value:
    return graph.emit(LessEqual(), graph.emit(Abs(), x), graph.scalar(float(NEARLY_ZERO), DType.F32))


def _without(graph: RowsGraph, x: Value, where: Value) -> Value:
    """NaN where a condition holds."""
    return graph.emit(Select(), where, graph.scalar(np.nan, DType.F32), x)
