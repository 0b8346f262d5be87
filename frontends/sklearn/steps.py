"""Steps of a ``Pipeline`` before the estimator, as ops: scalers, the imputer and encoders of numbers.

They compute in the types in which scikit-learn 1.9 does, given float32: a scaler rounds to float32 after each of its
operations, encoders give float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.literal import Array
from compiler.ir.op import Op
from compiler.ir.ops.binary import Add, Div, Equal, Maximum, Minimum, Mul, Select, Sub
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Concat, Slice
from compiler.ir.ops.unary import Cast, IsNan
from frontends.rows import RowsGraph
from frontends.sklearn.fitted import Fitted

Step = Callable[[RowsGraph, Fitted, Value], Value]
"""``[batch, columns]`` to the same with other columns."""


def apply_step(graph: RowsGraph, step: Fitted, x: Value) -> Value:
    """The output of one step. Raises UnsupportedModel, MalformedModel, UnreadableModel."""
    if step.kind not in _STEPS:
        step.refuse(f"a {step.kind} is not supported as a step; known are {', '.join(sorted(_STEPS))}")
    if step.count("n_features_in_") != x.type.shape[1]:
        step.fail(f"it was fitted on {step.count('n_features_in_')} columns and gets {x.type.shape[1]}")
    return _STEPS[step.kind](graph, step, x)


def _standard_scaler(graph: RowsGraph, step: Fitted, x: Value) -> Value:
    """Its mean and scale are rounded to the type of the features first."""
    for setting, attribute, op in (("with_mean", "mean_", Sub()), ("with_std", "scale_", Div())):
        if step.get(setting):
            x = graph.emit(op, x, graph.constant(_row(step, attribute, x).astype(x.type.dtype.numpy)))
    return x


def _min_max_scaler(graph: RowsGraph, step: Fitted, x: Value) -> Value:
    for attribute, op in (("scale_", Mul()), ("min_", Add())):
        x = _in_place(graph, op, x, step.numbers(step.get(attribute), attribute))
    if step.get("clip"):
        low, high = step.floats("feature_range")
        x = graph.emit(Maximum(), x, graph.scalar(low, x.type.dtype))
        x = graph.emit(Minimum(), x, graph.scalar(high, x.type.dtype))
    return x


def _in_place(graph: RowsGraph, op: Op, x: Value, row: Array) -> Value:
    """``x op= row`` as numpy does it: in the wider of both types, rounded to that of x."""
    dtype = x.type.dtype
    wide = DType.F64 if DType.F64 in (dtype, DType.of(row.dtype)) else dtype
    result = graph.emit(op, graph.emit(Cast(wide), x), graph.constant(row.astype(wide.numpy)))
    return graph.emit(Cast(dtype), result)


def _simple_imputer(graph: RowsGraph, step: Fitted, x: Value) -> Value:
    if step.get("add_indicator"):
        step.refuse("add_indicator is not supported")
    statistics = _row(step, "statistics_", x)
    missing = step.get("missing_values")
    if isinstance(missing, str) or missing is None:
        step.refuse(f"its missing values are {missing!r}, not a number")
    value = float(step.numbers(missing, "its missing values"))
    where = graph.emit(IsNan(), x) if np.isnan(value) else graph.emit(Equal(), x, graph.scalar(value, x.type.dtype))
    x = graph.emit(Select(), where, graph.constant(statistics.astype(x.type.dtype.numpy)), x)
    empty = np.isnan(statistics)
    if empty.any() and not step.get("keep_empty_features"):
        x = graph.emit(Gather(1), x, graph.constant(np.flatnonzero(~empty)))
    return x


def _ordinal_encoder(graph: RowsGraph, step: Fitted, x: Value) -> Value:
    """The place of each value among its column's categories. Where scikit-learn raises for a value that it does not
    know, this gives NaN."""
    unknown = float(step.numbers(step.get("unknown_value"), "unknown_value")) if _knows_unknown(step) else np.nan
    of_missing = float(step.numbers(step.get("encoded_missing_value"), "encoded_missing_value"))
    columns: list[Value] = []
    for column, categories in _columns(graph, step, x):
        result = graph.constant(np.full((graph.batch, 1), unknown))
        for number, category in enumerate(categories.tolist()):
            code = of_missing if np.isnan(category) else float(number)
            result = graph.emit(Select(), _is(graph, column, category), graph.scalar(code, DType.F64), result)
        columns.append(result)
    return graph.emit(Cast(_float_type(step)), _joined(graph, columns))


def _one_hot_encoder(graph: RowsGraph, step: Fitted, x: Value) -> Value:
    """A column per category. Where scikit-learn raises for a value that it does not know, all of them are 0."""
    if step.setting("drop", None) is not None:
        step.refuse("drop is not supported")
    if step.setting("min_frequency", None) is not None or step.setting("max_categories", None) is not None:
        step.refuse("infrequent categories are not supported")
    columns = [
        _is(graph, column, category)
        for column, categories in _columns(graph, step, x)
        for category in categories.tolist()
    ]
    return graph.emit(Cast(_float_type(step)), _joined(graph, columns))


def _columns(graph: RowsGraph, step: Fitted, x: Value) -> list[tuple[Value, Array]]:
    """Each column ``[batch, 1]``, and its categories, in float64."""
    lists = step.get("categories_")
    if not isinstance(lists, list) or len(lists) != x.type.shape[1]:
        step.fail("its categories are no list of as many as there are columns")
    result: list[tuple[Value, Array]] = []
    wide = graph.emit(Cast(DType.F64), x)
    for number, categories in enumerate(lists):
        array = np.asarray(categories)
        if array.dtype.kind not in "biuf":
            step.refuse(f"the categories of column {number} are no numbers")
        if array.size > _MOST_CATEGORIES:
            step.refuse(f"column {number} has {array.size} categories, more than {_MOST_CATEGORIES}")
        column = graph.emit(Slice((0, number), (graph.batch, 1), (1, 1)), wide)
        result.append((column, array.astype(np.float64)))
    return result


_MOST_CATEGORIES = 1000
"""Categories of a column: every element is compared with each."""


def _is(graph: RowsGraph, column: Value, category: float) -> Value:
    if np.isnan(category):
        return graph.emit(IsNan(), column)
    return graph.emit(Equal(), column, graph.scalar(category, DType.F64))


def _joined(graph: RowsGraph, columns: list[Value]) -> Value:
    return columns[0] if len(columns) == 1 else graph.emit(Concat(1), *columns)


def _knows_unknown(step: Fitted) -> bool:
    return step.get("handle_unknown") == "use_encoded_value"


def _float_type(step: Fitted) -> DType:
    dtype = np.dtype(step.get("dtype"))  # type: ignore[call-overload]
    if dtype not in (np.float32, np.float64):
        step.refuse(f"its dtype is {dtype}, not float32 or float64")
    return DType.of(dtype)


def _row(step: Fitted, attribute: str, x: Value) -> Array:
    row = step.floats(attribute)
    return row if row.shape == (x.type.shape[1],) else step.fail(f"{attribute} has the shape {list(row.shape)}")


_STEPS: dict[str, Step] = {
    "MinMaxScaler": _min_max_scaler,
    "OneHotEncoder": _one_hot_encoder,
    "OrdinalEncoder": _ordinal_encoder,
    "SimpleImputer": _simple_imputer,
    "StandardScaler": _standard_scaler,
}
