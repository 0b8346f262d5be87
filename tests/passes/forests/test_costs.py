"""By their costs, trained forests get the algorithm that was measured to be faster."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.ir import Graph
from compiler.passes import PassManager
from frontends.xgboost import Prediction, load
from tests.frontends.xgboost.test_zoo_models import file_of

FASTER = {
    ("higgs", 1): "ranked_forest",
    ("epsilon", 1): "perfect_walk",
    ("higgs", 4096): "bitsliced_forest",
    ("airline", 512): "bitsliced_forest",
    ("year_prediction_msd", 4096): "bitsliced_forest",
    ("epsilon", 4096): "bitsliced_forest",
}


def lowered(path: Path, rows: int) -> Graph:
    graph = load(Prediction(path, "margin"))
    features = graph.inputs[0].type.shape[1]
    graph = load(Prediction(path, "margin"), inputs={"data": (rows, features)})
    return PassManager.parse("lower-forests").run(graph, "znver4")


@pytest.mark.parametrize(("name", "rows"), FASTER)
def test_trained_forests(zoo: Path, name: str, rows: int) -> None:
    ops = {node.op.name for node in lowered(file_of(zoo, name), rows)}
    assert FASTER[name, rows] in ops
