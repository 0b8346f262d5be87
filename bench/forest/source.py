"""The forest in a file of XGBoost, as Kiln's frontend reads it: for its statistics, and for other formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.peers import LIGHTGBM_SUFFIX, RefusedForest
from compiler.ir.forest import Forest
from frontends.xgboost.document import read_document
from frontends.xgboost.fields import Field
from frontends.xgboost.model import LinearBooster, read_model


@dataclass(frozen=True)
class SourceForest:
    """All trees of a model, whose sums start at the base margins, and the name of its objective."""

    forest: Forest
    objective: str


def read_forest(path: Path) -> SourceForest:
    """Read a file; raises RefusedForest for what is no forest of XGBoost, and the frontend's ModelError."""
    if path.suffix == LIGHTGBM_SUFFIX:
        raise RefusedForest("only forests of XGBoost are converted")
    document = read_document(path.read_bytes(), path.name)
    model = read_model(document, path.name)
    if isinstance(model.booster, LinearBooster):
        raise RefusedForest("a linear model has no trees")
    objective = Field(document, path.name)["learner"]["objective"]["name"].text()
    return SourceForest(model.booster.forest(model.base, model.features, (0, 0)), objective)
