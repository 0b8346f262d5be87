"""A model as read: its objective, the base margins and the booster, of every format since XGBoost 1.0.

Owns the document's schema beside the trees. Where formats differ, the newest name is looked for first.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.literal import Array
from frontends.errors import InputError, MalformedModel, UnsupportedModel
from frontends.xgboost.document import read_document
from frontends.xgboost.fields import Field
from frontends.xgboost.objectives import OBJECTIVES, Objective, objective_of
from frontends.xgboost.trees import forest_of

Iterations = tuple[int, int]
"""The first iteration and the one after the last; 0 as the end stands for all."""

_MOST_OUTPUTS = 2**20
"""A damaged number of outputs must not decide how much memory is taken."""


@dataclass(frozen=True)
class LinearBooster:
    """``weights f32[features, outputs]``, ``bias f32[outputs]``."""

    weights: Array
    bias: Array
    has_rounds: bool
    """Whether the document says how many rounds it was trained, as old ones do not."""


@dataclass(frozen=True)
class Trees:
    """The trees as they stand in the document."""

    fields: Sequence[Field]
    targets: Array
    weights: Array | None
    """The weight of each tree, where the booster is dart."""
    starts: Array
    """The first tree of each iteration, and the number of trees."""
    width: int

    @property
    def has_old_vectors(self) -> bool:
        """Whether leaves of several values stand where XGBoost before 3.2 wrote them."""
        return self.width > 1 and any(tree.get("leaf_weights") is None for tree in self.fields)

    def forest(self, base: Array, features: int, iterations: Iterations) -> Forest:
        """The trees of some iterations. Raises InputError, MalformedModel."""
        count = self.starts.size - 1
        begin, end = iterations[0], iterations[1] or count
        if not (0 <= begin < end <= count or (begin, end) == (0, count)):
            raise InputError(f"iterations {begin} to {end} are not in the model, which has {count}")
        own = slice(int(self.starts[begin]), int(self.starts[end]))
        weights = None if self.weights is None else self.weights[own]
        return forest_of(self.fields[own], self.targets[own], weights, base, features, self.width)


@dataclass(frozen=True)
class XGBoostModel:
    """What predictions follow from. ``base f32[outputs]`` are margins."""

    objective_name: str
    objective: Objective
    features: int
    base: Array
    booster: Trees | LinearBooster
    best_iteration: int | None

    @property
    def outputs(self) -> int:
        """Margins per row."""
        return self.base.size


@functools.lru_cache(maxsize=1)
def read_model(data: bytes, name: str) -> XGBoostModel:
    """The model in JSON or UBJSON. Raises UnreadableModel, MalformedModel, UnsupportedModel.

    The last one is kept: a build imports a model, and then asks about it, and reading takes longer than either.
    """
    return model_of(read_document(data, name), name)


def model_of(document: dict[str, object], name: str) -> XGBoostModel:
    """The model in a document. Raises MalformedModel, UnsupportedModel."""
    root = Field(document, name)
    if "tree_info" in document:
        root.fail("a dump of LightGBM, not an XGBoost model; Kiln reads the text that Booster.save_model writes")
    learner = root.get("learner") or root.fail("not an XGBoost model: it has no learner")
    parameters = learner["learner_model_param"]
    features = parameters["num_feature"].count()
    objective_name = learner["objective"]["name"].text()
    objective = _objective(objective_name, root)
    classes, targets = (_count(parameters, key, 0) for key in ("num_class", "num_target"))
    outputs = max(classes, targets, 1)
    if outputs > _MOST_OUTPUTS:
        parameters.fail(f"the model has {outputs} outputs; at most {_MOST_OUTPUTS} are supported")
    base = objective.margin(_base_scores(parameters["base_score"], outputs))
    if features < 1:
        parameters.fail("the model has no features")
    booster = _booster(learner["gradient_booster"], features, outputs)
    attributes = learner.get("attributes")
    best = attributes.get("best_iteration") if attributes else None
    return XGBoostModel(objective_name, objective, features, base, booster, None if best is None else best.count())


def _objective(name: str, root: Field) -> Objective:
    """The objective as the release that has written the model computes it."""
    version = root.get("version")
    objective = objective_of(name, tuple(version.integers()[:2].tolist()) if version else ())
    if objective is None:
        known = ", ".join(sorted(OBJECTIVES))
        raise UnsupportedModel(f"{root.path}: the objective {name!r} is not supported; known are {known}")
    return objective


def _base_scores(field: Field, outputs: int) -> Array:
    """``f32[outputs]``: a number, or since 3.1 a list in brackets, of which a single number stands for all."""
    text = field.text().strip()
    try:
        scores = np.array([float(part) for part in text.removeprefix("[").removesuffix("]").split(",")], np.float32)
    except ValueError:
        field.fail(f"is no number: {text[:40]!r}")
    if scores.size not in (1, outputs) or np.isnan(scores).any():
        field.fail(f"has {scores.size} numbers for {outputs} outputs")
    return np.array(np.broadcast_to(scores, (outputs,)))


def _booster(field: Field, features: int, outputs: int) -> Trees | LinearBooster:
    kind = field["name"].text()
    if kind == "gblinear":
        return _linear(field["model"], features, outputs)
    if kind not in ("gbtree", "dart"):
        raise UnsupportedModel(f"{field.path}: the booster {kind!r} is not supported")
    inner = field.get("gbtree")
    model = (inner or field)["model"]
    trees = list(model["trees"].items())
    targets = model["tree_info"].integers()
    if targets.size != len(trees):
        model.fail(f"it has {len(trees)} trees, and outputs of {targets.size}")
    return Trees(
        fields=trees,
        targets=targets,
        weights=_tree_weights(field, model, len(trees)),
        starts=_iteration_starts(model, len(trees), outputs),
        width=_width(trees, outputs),
    )


def _linear(model: Field, features: int, outputs: int) -> LinearBooster:
    field = model["weights"]
    weights = field.floats()
    if weights.size != (features + 1) * outputs:
        field.fail(f"has {weights.size} numbers, expected {features + 1} times {outputs}")
    table = weights.reshape(features + 1, outputs)
    return LinearBooster(table[:-1], table[-1], model.get("boosted_rounds") is not None)


def _tree_weights(booster: Field, model: Field, trees: int) -> Array | None:
    """What dart multiplies trees by."""
    field = model.get("weight_drop") or booster.get("weight_drop")
    if field is None:
        return None
    weights = field.floats()
    if weights.size != trees:
        model.fail(f"it has {trees} trees, and weights of {weights.size}")
    return weights


def _iteration_starts(model: Field, trees: int, outputs: int) -> Array:
    field = model.get("iteration_indptr")
    if field is not None:
        starts = field.integers()
        if starts.size < 1 or starts[0] != 0 or starts[-1] != trees or (np.diff(starts) < 0).any():
            field.fail(f"does not rise from 0 to {trees}")
        return starts
    # Before 2.0 every iteration has the same number of trees.
    parameters = model["gbtree_model_param"]
    trees_of_iteration = _count(parameters, "num_parallel_tree", 1) * outputs
    if trees_of_iteration < 1 or trees % trees_of_iteration:
        parameters.fail(f"{trees} trees are no multiple of {trees_of_iteration}")
    return np.arange(0, trees + 1, trees_of_iteration)


def _width(trees: Sequence[Field], outputs: int) -> int:
    """Values per leaf; the same in all trees."""
    widths = {max(_count(tree["tree_param"], "size_leaf_vector", 1), 1) for tree in trees}
    if len(widths) > 1 or not widths <= {1, outputs}:
        raise MalformedModel(f"{trees[0].path}: leaves of {sorted(widths)} values for {outputs} outputs")
    return widths.pop() if widths else 1


def _count(parameters: Field, name: str, absent: int) -> int:
    field = parameters.get(name)
    return absent if field is None else field.count()
