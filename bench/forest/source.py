"""The forest in a model's file, as Kiln's frontends read it: for its statistics, and for other formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.peers import LIGHTGBM_SUFFIX, RefusedForest
from compiler.ir.forest import Forest
from frontends.lightgbm.document import model_text
from frontends.lightgbm.model import read_model as read_lightgbm
from frontends.lightgbm.sections import read_sections
from frontends.lightgbm.trees import forest_of
from frontends.xgboost.model import LinearBooster, read_model


@dataclass(frozen=True)
class SourceForest:
    """All trees of a model, whose sums start at the base margins, and its objective as the model spells it.

    `is_prepared` is whether the forest's columns are not the model's features, but made from them.
    """

    forest: Forest
    objective: str
    is_prepared: bool = False


def read_forest(path: Path) -> SourceForest:
    """Read a file; raises RefusedForest for a linear model, and the frontend's ModelError."""
    if path.suffix == LIGHTGBM_SUFFIX:
        return _of_lightgbm(path)
    model = read_model(path.read_bytes(), path.name)
    if isinstance(model.booster, LinearBooster):
        raise RefusedForest("a linear model has no trees")
    return SourceForest(model.booster.forest(model.base, model.features, (0, 0)), model.objective_name)


def _of_lightgbm(path: Path) -> SourceForest:
    text = model_text(path)
    model = read_lightgbm(text)
    header, _ = read_sections(text.data, text.name)
    forest, preparation = forest_of(model.trees, model.outputs, model.features)
    changed = preparation.truncated.any() or preparation.zero_missing.any() or preparation.copied.size > 0
    objective = header.values.get("objective", "")
    return SourceForest(forest, f"mean of trees, {objective}" if model.is_average else objective, bool(changed))
