"""``for_rows``: a model of many rows computes of each what the model of one computes of it, or it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import DType, Graph, Rewriter, TensorType, Value, evaluate, parse_graph, verify
from compiler.ir.ops.binary import Add, Mul, Select
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.indexing import Gather, GatherElements
from compiler.ir.ops.movement import Broadcast, Concat, Pad, Reshape, Slice, Tile, Transpose
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.pooling import MaxPool
from compiler.ir.ops.reduction import ArgMax, CumulativeSum, ReduceMax, ReduceSum
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.sorting import TopK
from compiler.ir.ops.unary import Cast, IsNan, Tanh
from compiler.passes.rows import NotRowWise, for_rows, same_for_any_rows
from frontends.xgboost import Prediction, load
from frontends.xgboost.prediction import Output
from tests.ir.forest.strategies import forests

FIXTURES = Path(__file__).parent.parent / "frontends" / "xgboost" / "fixtures" / "3.1.3"
ROWS = (1, 2, 5)


def assert_by_row(graph: Graph, rows: dict[str, np.ndarray]) -> None:
    """``rows`` has the inputs of as many rows as there are, of which any number are computed together."""
    each = [evaluate(graph, {name: array[i : i + 1] for name, array in rows.items()}) for i in range(max(ROWS))]
    for count in ROWS:
        many = for_rows(graph, count)
        verify(many)
        assert [value.type.shape[0] for value in (*many.inputs, *many.outputs)] == [count] * (
            len(many.inputs) + len(many.outputs)
        )
        got = evaluate(many, {name: array[:count] for name, array in rows.items()})
        for name, array in got.items():
            want = [result[name] for result in each[:count]]
            np.testing.assert_allclose(array, np.concatenate(want), rtol=1e-6)


class Model:
    """A graph in the making with one input ``x f32[1, 4, 6]``."""

    def __init__(self) -> None:
        self.graph = Graph("model")
        self.rewriter = Rewriter(self.graph)
        self.emit = self.rewriter.emit
        self.x = self.rewriter.input("x", TensorType(DType.F32, (1, 4, 6)))

    def constant(self, *shape: int, dtype: DType = DType.F32) -> Value:
        return self.rewriter.constant(random_array(*shape, dtype=dtype, low=0, high=3))


def values_of_a_row(m: Model) -> list[Value]:
    """A value for each kind of op that keeps rows."""
    flat = m.emit(Reshape((1, 24)), m.x)
    product = m.emit(MatMul(), flat, m.constant(24, 5))
    column = m.emit(Slice((0, 0, 1), (1, 4, 2), (1, 1, 2)), m.x)
    best = m.rewriter.node(TopK(1, 2), [m.x])
    position = m.emit(Reshape((1,)), m.emit(ArgMax(1), flat))
    return [
        flat,
        m.emit(Tanh(), m.emit(Add(), product, m.constant(1, 5))),
        m.emit(Mul(), m.x, m.constant(6)),
        m.emit(Select(), m.emit(IsNan(), m.x), m.constant(), m.x),
        m.emit(MatMul(), m.x, m.constant(6, 3)),
        m.emit(MatMul(), m.constant(1, 2, 4), m.x),
        m.emit(MatMul(transpose_b=True), m.x, m.x),
        m.emit(Conv((1,), (1,), (1,), (1,)), m.x, m.constant(3, 4, 3)),
        m.emit(MaxPool((2,), (2,), (0,), (0,), (1,)), m.x),
        m.emit(ReduceSum((1, 2), keep=False), m.x),
        m.emit(ReduceMax((2,)), m.x),
        m.emit(Cast(DType.F32), m.emit(ArgMax(2), m.x)),
        m.emit(CumulativeSum(1), m.x),
        best.results[0],
        m.emit(Cast(DType.F32), best.results[1]),
        m.emit(Transpose((0, 2, 1)), m.x),
        m.emit(Broadcast((1, 4, 2)), m.emit(ReduceSum((2,)), m.x)),
        column,
        m.emit(Pad((0, 1, 0), (0, 0, 2), "edge"), m.x),
        m.emit(Tile((1, 2, 1)), column),
        m.emit(Concat(1), flat, m.constant(1, 2)),
        m.emit(Gather(2), m.x, m.constant(2, 2, dtype=DType.I64)),
        m.emit(Gather(0), m.constant(24, 3), position),
        m.emit(GatherElements(2), m.x, m.constant(1, 4, 2, dtype=DType.I64)),
        m.emit(OrderedSum(), m.constant(1, 6), m.x),
    ]


def test_ops_that_keep_rows() -> None:
    m = Model()
    for index, value in enumerate(values_of_a_row(m)):
        m.rewriter.output(f"y{index}", value)
    x = random_array(max(ROWS), 4, 6)
    x[1, 2, 3] = np.nan
    x[3] = 0
    assert_by_row(m.graph, {"x": np.nan_to_num(x, nan=0.25)})


@given(st.data())
def test_forests(data: st.DataObject) -> None:
    forest = data.draw(forests())
    graph = Graph("forest")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (1, forest.features)))
    start = rewriter.input("start", TensorType(forest.dtype, (1, forest.outputs)))
    rewriter.output("sums", rewriter.emit(ForestSums(forest), x))
    rewriter.output("more", rewriter.emit(ForestSums(forest), x, start))
    rewriter.output("leaves", rewriter.emit(ForestLeaves(forest), x))
    starts = random_array(max(ROWS), forest.outputs, dtype=forest.dtype)
    assert_by_row(graph, {"x": random_array(max(ROWS), forest.features), "start": starts})


@pytest.mark.parametrize(
    ("name", "output"),
    [
        *(
            (name, "prediction")
            for name in ("logistic", "softmax", "softprob", "dart", "partition", "linear", "vector")
        ),
        ("softprob", "leaf"),
    ],
)
def test_models_of_xgboost(name: str, output: Output) -> None:
    graph = load(Prediction(FIXTURES / f"{name}.json", output))
    assert_by_row(graph, {"data": random_array(max(ROWS), graph.inputs[0].type.shape[1])})


def refused(body: str, output: str = "%9", shape: str = "1,4") -> Graph:
    return parse_graph(f'graph "g" (%0 "x": f32[{shape}]) {{\n{body}\nreturn {output} "y"\n}}')


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (
            refused("%9 = neg(%0) : f32[2,4]", shape="2,4"),
            r"input 'x' is f32\[2,4\]: of one row, dimension 0 must be 1",
        ),
        (refused("%9 = neg(%0) : f32[]", shape=""), r"input 'x' is f32\[\]"),
        (refused("%9 = reduce_sum(%0) {axes = [0], keep = true} : f32[1,4]"), "the node reduce_sum does not compute"),
        (refused("%9 = reshape(%0) {shape = [4]} : f32[4]"), "the node reshape does not compute"),
        (refused("%9 = transpose(%0) {permutation = [1, 0]} : f32[4,1]"), "transpose"),
        (refused("%9 = concat(%0, %0) {axis = 0} : f32[2,4]"), "concat"),
        (
            refused("%9 = cumulative_sum(%0) {axis = 0, exclusive = false, reverse = false} : f32[1,4]"),
            "cumulative_sum",
        ),
        (refused("%9 = matmul(%0, %0) {transpose_b = true} : f32[1,1]"), "matmul"),
        (refused("%9 = shape_of(%0) : i64[2]"), "shape_of"),
        (
            refused("%8 = reduce_sum(%0) {axes = [1], keep = false} : f32[1]\n%9 = add(%0, %8) : f32[1,4]"),
            "the node add does not compute each row by itself",
        ),
        (
            refused("%9 = constant() {value = dense<f32[]: 2.0>} : f32[]"),
            "output 'y' depends on no input",
        ),
    ],
)
def test_what_mixes_rows_is_named(graph: Graph, message: str) -> None:
    with pytest.raises(NotRowWise, match=message):
        for_rows(graph, 3)


def test_rows_of_a_table_are_not_rows_of_a_batch() -> None:
    m = Model()
    flat = m.emit(Reshape((1, 24)), m.x)
    index = m.emit(ArgMax(1), flat)
    m.rewriter.output("y", m.emit(GatherElements(1), m.constant(7, 30), index))
    with pytest.raises(NotRowWise, match=r"a constant f32\[7,30\] is no row"):
        for_rows(m.graph, 3)


def test_a_node_is_named_by_its_origin() -> None:
    m = Model()
    m.rewriter.origin = "Flatten_3"
    m.rewriter.output("y", m.emit(Reshape((24,)), m.x))
    with pytest.raises(NotRowWise, match=r"'Flatten_3' \(reshape\) does not compute each row"):
        for_rows(m.graph, 3)


def test_without_inputs_there_are_no_rows() -> None:
    with pytest.raises(NotRowWise, match="no rows"):
        for_rows(
            parse_graph('graph "g" () {\n%0 = constant() {value = dense<f32[]: 1.0>} : f32[]\nreturn %0 "y"\n}'), 3
        )


def test_which_models_have_the_same_bits_for_any_rows() -> None:
    logistic, softprob = (load(Prediction(FIXTURES / f"{name}.ubj", "prediction")) for name in ("logistic", "softprob"))
    assert same_for_any_rows(logistic)
    assert not same_for_any_rows(softprob), "its softmax adds in any order"
    model = Model()
    model.rewriter.output("y", model.emit(ReduceMax((1,)), model.emit(Tanh(), model.x)))
    assert same_for_any_rows(model.graph)
    model.rewriter.output("z", model.emit(CumulativeSum(1), model.x))
    assert not same_for_any_rows(model.graph)
