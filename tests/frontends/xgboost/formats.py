"""Models as releases of XGBoost from 1.0 to 3.4 would have written them, made from the document that 3.2 writes.

Owns the changes of the schema, which ``fixtures`` has real files of.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from tests.frontends.xgboost.mutation import ubjson
from tests.frontends.xgboost.training import trees_of

Document = dict[str, Any]
Release = tuple[int, int]

WRITTEN: Release = (3, 2)
"""The format of the documents that this starts from."""
RELEASES: tuple[Release, ...] = ((1, 0), (1, 3), (1, 7), (2, 0), (3, 1), WRITTEN, (3, 3), (3, 4))

_FIRST_WITH = {
    "reg:pseudohubererror": (1, 3),
    "reg:absoluteerror": (1, 7),
    "reg:quantileerror": (2, 0),
    "survival:aft": (1, 3),
}
_IN_CATEGORY = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def releases_for(document: Document) -> list[Release]:
    """Those that had what the model needs, the newest last."""
    learner = document["learner"]
    trees = trees_of(document)
    first = _FIRST_WITH.get(learner["objective"]["name"], (1, 0))
    if any(tree["categories_nodes"] for tree in trees) or int(learner["learner_model_param"]["num_target"]) > 1:
        first = max(first, (1, 7))
    if any(_width(tree) > 1 for tree in trees):
        first = max(first, (2, 0))
    return [release for release in RELEASES if first <= release]


def sorts_quantiles(document: Document, release: Release) -> bool:
    """Whether the release puts the predictions of a row, unlike its margins, in order."""
    return document["learner"]["objective"]["name"] == "reg:quantileerror" and release >= (3, 4)


def is_loadable(document: Document, release: Release) -> bool:
    """Whether XGBoost 3.2 reads the model as it was meant: it crashes on leaves of several values that an older one has
    written, and takes the base scores of linear models without a number of rounds for margins."""
    is_linear = document["learner"]["gradient_booster"]["name"] == "gblinear"
    if release >= WRITTEN:
        return release == WRITTEN
    return all(_width(tree) == 1 for tree in trees_of(document)) and not (is_linear and release < (1, 7))


def with_one_base_score(document: Document) -> Document:
    """The model with the first output's base score for all of them, which is all that releases before 3.1 knew."""
    changed = copy.deepcopy(document)
    parameters = changed["learner"]["learner_model_param"]
    first, *others = parameters["base_score"].strip("[]").split(",")
    parameters["base_score"] = "[" + ",".join([first] * (1 + len(others))) + "]"
    return changed


def with_scaled_leaves(document: Document, factor: float) -> Document:
    """The model with the values of its leaves multiplied."""
    changed = copy.deepcopy(document)
    for tree in trees_of(changed):
        if "leaf_weights" in tree:
            tree["leaf_weights"] = [value * factor for value in tree["leaf_weights"]]
        for leaf in _leaves(tree):
            tree["split_conditions"][leaf] *= factor
    return changed


def as_written_by(release: Release, document: Document) -> Document:
    """The document of an older or newer release; of those before 3.1, all base scores must be the same."""
    changed = copy.deepcopy(document)
    changed["version"] = [*release, 0]
    learner = changed["learner"]
    booster = learner["gradient_booster"]
    if release > WRITTEN and booster["name"] == "dart":
        _undo_nesting(learner, release)
    for tree in trees_of(changed):
        _write_tree(tree, release)
    model = booster.get("gbtree", booster)["model"]
    parameters = learner["learner_model_param"]
    if release < (3, 1):
        model.pop("cats", None)
        parameters["base_score"] = parameters["base_score"].strip("[]").split(",")[0]
    if release < (2, 0) and "trees" in model:
        del model["iteration_indptr"]
        model["gbtree_model_param"]["size_leaf_vector"] = "0"
    if release < (1, 7):
        for name in ("num_target", "boost_from_average"):
            del parameters[name]
        for name in ("feature_names", "feature_types"):
            del learner[name]
        model.pop("boosted_rounds", None)
        model.get("gbtree_model_param", {}).pop("num_parallel_tree", None)
    return changed


def encoded(document: Document, release: Release, chance: random.Random) -> bytes:
    """JSON, or UBJSON where the release knows it."""
    if release >= (1, 7) and chance.random() < 0.5:
        return ubjson(chance, document)
    return json.dumps(document).encode()


def _undo_nesting(learner: Document, release: Release) -> None:
    """Since 3.3 trees with weights are a ``gbtree``; since 3.4 the weights belong to its model."""
    dart = learner["gradient_booster"]
    model, weights = dart["gbtree"]["model"], dart["weight_drop"]
    if release >= (3, 4):
        learner["gradient_booster"] = {"name": "gbtree", "model": {**model, "weight_drop": weights}}
    else:
        learner["gradient_booster"] = {"name": "gbtree", "model": model, "weight_drop": weights}


def _write_tree(tree: Document, release: Release) -> None:
    width = _width(tree)
    if release < WRITTEN and width > 1:
        values, own = tree.pop("leaf_weights"), [0.0] * (width * len(tree["left_children"]))
        for leaf in _leaves(tree):
            row = tree["right_children"][leaf]
            own[leaf * width : (leaf + 1) * width] = values[row * width : (row + 1) * width]
            tree["right_children"][leaf] = -1
        tree["base_weights"] = own
        del tree["loss_changes"], tree["sum_hessian"]
    if release < (2, 0):
        tree["tree_param"]["size_leaf_vector"] = "0"
    if release < (1, 7):
        tree["default_left"] = [bool(value) for value in tree["default_left"]]
    if release < (1, 3):
        del tree["split_type"], tree["tree_param"]["num_deleted"]
        for name in _IN_CATEGORY:
            del tree[name]
        tree["leaf_child_counts"] = [0] * len(tree["left_children"])


def _width(tree: Document) -> int:
    return int(tree["tree_param"]["size_leaf_vector"])


def _leaves(tree: Document) -> Iterator[int]:
    return (node for node, left in enumerate(tree["left_children"]) if left == -1)
