"""The forests of the benchmark by name: trained ones of the zoo, and such as have the shapes of well-known ones.

A model is a file of XGBoost beside rows like those that it was trained on. What is made is made once and kept in Kiln's
cache, below `bench/forests`; the same seed gives the same trees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from bench.models.lightgbm_text import rows_like_training
from bench.models.threshold_rows import rows_between_thresholds
from bench.models.tree_maker import ForestShape, rows_of, write_forest
from bench.models.zoo import DEFAULT_ZOO, MissingZoo
from bench.peers import LIGHTGBM_SUFFIX
from runtime.archive import cache_root

Rows = Callable[[int], NDArray[np.float32]]
GRID = "grid"
"""Stands for all models of the grid on the command line."""


@dataclass(frozen=True)
class ForestModel:
    """A model's file, and as many rows as are asked for."""

    name: str
    path: Path
    rows: Rows


LLEAVES = {"nyc_taxi": "NYC_taxi", "airline_lightgbm": "airline", "mtpl2": "mtpl2"}
"""Models of LightGBM that lie in the zoo, those of lleaves' benchmark, by their folders."""

TREEBEARD = {"airline": "airline", "epsilon": "epsilon", "higgs": "higgs", "year": "year_prediction_msd"}
"""Models of the Treebeard paper (Prasad et al. 2022) that lie in the zoo, and what their files begin with."""

GENERATED = {
    "letters": ForestShape(trees=26_000, features=16, outputs=26, depth=6, leaves=20, evenness=1.0),
    "airline_ohe": ForestShape(trees=1000, features=692, outputs=1, depth=8, leaves=128, one_hot=0.02),
}
"""Those of the paper whose training takes minutes: trees with the same statistics."""

TRAINED = ("abalone", "covtype")
"""Those of the paper that are trained here, on random data of the same size."""

GRID_MODELS = {
    f"grid_f{features}_d{depth}_t{trees}": ForestShape(trees, features, 1, depth, min(2**depth, 256), seed=7)
    for features in (8, 32, 128, 512)
    for depth in (2, 4, 8, 16, 32)
    for trees in (16, 128, 1024)
}

FORESTS = ("abalone", "airline", "airline_ohe", "covtype", "epsilon", "higgs", "letters", "year", *LLEAVES)
"""The models of the suite."""


SUFFIXES = (".json", ".ubj", LIGHTGBM_SUFFIX)
"""Suffixes of files that stand for models on the command line."""


def forest_names() -> list[str]:
    """All names, those of the grid last."""
    return [*FORESTS, *GRID_MODELS]


def make_forest(name: str, zoo: Path = DEFAULT_ZOO, cache: Path | None = None) -> ForestModel:
    """The model of that name, or the file of that path; raises MissingZoo for a real one that is not below `zoo`."""
    if name.endswith(SUFFIXES):
        return _of_file(Path(name))
    if name in TREEBEARD:
        return _treebeard(name, zoo)
    if name in LLEAVES:
        return _of_lightgbm(name, _existing(name, zoo / "lleaves" / LLEAVES[name] / "model.txt"))
    folder = cache or cache_root() / "bench" / "forests"
    folder.mkdir(parents=True, exist_ok=True)
    if name in TRAINED:
        return _trained(name, folder)
    shape = {**GENERATED, **GRID_MODELS}[name]
    path = folder / f"{name}-{shape.seed}.json"
    if not path.exists():
        partial_file = path.with_suffix(".partial")
        write_forest(shape, partial_file)
        partial_file.rename(path)
    return ForestModel(name, path, partial(rows_of, shape))


def _of_file(path: Path) -> ForestModel:
    """A user's file, with rows of normal numbers for XGBoost and of what LightGBM says of its features."""
    if path.suffix == LIGHTGBM_SUFFIX:
        return _of_lightgbm(path.stem, path)
    features = xgboost.Booster(model_file=path).num_features()
    return ForestModel(path.stem, path, partial(rows_of, ForestShape(1, features, 1, 1, 1)))


def _of_lightgbm(name: str, path: Path) -> ForestModel:
    return ForestModel(name, path, partial(rows_like_training, path))


def _existing(name: str, path: Path) -> Path:
    if not path.is_file():
        raise MissingZoo(name, path)
    return path


def _treebeard(name: str, zoo: Path) -> ForestModel:
    """With rows of the data that it was trained for. The tables `….json.csv` beside the models are no such: in those of
    airline and year nine of ten rows end in the same leaf of a tree, since all values are beyond its thresholds."""
    path = _existing(name, zoo / "treebeard" / "xgb_models" / f"{TREEBEARD[name]}_xgb_model_save.json")
    table = Path(f"{path}.test.sampled.csv")
    if table.is_file():
        return ForestModel(name, path, partial(_drawn_from, table))
    # All rows of epsilon have the length 1.
    return ForestModel(name, path, _unit_rows if name == "epsilon" else partial(rows_between_thresholds, path))


def _drawn_from(table: Path, count: int) -> NDArray[np.float32]:
    """Rows of a table without its last column, the prediction; repeated in random order if there are not enough."""
    rows = np.loadtxt(table, delimiter=",", dtype=np.float32)[:, :-1]
    return rows[np.random.default_rng(1).choice(len(rows), count, replace=count > len(rows))]


def _unit_rows(count: int, features: int = 2000) -> NDArray[np.float32]:
    rows = np.random.default_rng(1).standard_normal((count, features), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _trained(name: str, folder: Path) -> ForestModel:
    make_rows, train = {"abalone": (_abalone_rows, _abalone), "covtype": (_covtype_rows, _covtype)}[name]
    path = folder / f"{name}-{xgboost.__version__}.json"
    if not path.exists():
        train().save_model(path.with_suffix(".partial.json"))
        path.with_suffix(".partial.json").rename(path)
    return ForestModel(name, path, make_rows)


def _abalone_rows(count: int) -> NDArray[np.float32]:
    """A sex and seven sizes that depend on each other."""
    random = np.random.default_rng(2)
    age = random.gamma(4.0, 0.25, (count, 1))
    sizes = age ** random.uniform(0.3, 1.5, 7) * random.lognormal(0.0, 0.15, (count, 7))
    return np.concatenate([random.integers(0, 3, (count, 1)), sizes], axis=1).astype(np.float32)


def _abalone() -> xgboost.Booster:
    x = _abalone_rows(4177)
    label = x[:, 1:].mean(axis=1) + np.random.default_rng(3).normal(0.0, 0.3, len(x))
    parameters = {"max_depth": 6, "eta": 0.1, "tree_method": "hist", "objective": "reg:squarederror", "seed": 0}
    return xgboost.train(parameters, xgboost.DMatrix(x, label=label), 1000)


def _covtype_rows(count: int) -> NDArray[np.float32]:
    """Ten numbers, one of 4 areas and one of 40 soils."""
    random = np.random.default_rng(4)
    x = np.zeros((count, 54), np.float32)
    x[:, :10] = np.round(random.normal(0.0, 300.0, (count, 10)))
    x[np.arange(count), 10 + random.integers(0, 4, count)] = 1
    x[np.arange(count), 14 + random.integers(0, 40, count)] = 1
    return x


def _covtype() -> xgboost.Booster:
    x = _covtype_rows(20_000)
    random = np.random.default_rng(5)
    scores = x @ random.normal(0.0, 1.0, (54, 8)) + 300 * np.sin(x[:, :8] / 200)
    label = np.argmax(scores + random.gumbel(0.0, 100.0, scores.shape), axis=1)
    parameters = {
        "max_depth": 8,
        "eta": 0.3,
        "tree_method": "hist",
        "objective": "multi:softprob",
        "num_class": 8,
        "seed": 0,
    }
    return xgboost.train(parameters, xgboost.DMatrix(x, label=label), 100)
