"""A model as read: its objective, and its trees by iterations. Owns the header of LightGBM's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from frontends.errors import InputError, UnsupportedModel
from frontends.lightgbm.document import ModelText
from frontends.lightgbm.objectives import Transform, transform_of
from frontends.lightgbm.sections import Section, read_sections

_VERSIONS = ("v2", "v3", "v4")


@dataclass(frozen=True)
class LightGBMModel:
    """What predictions follow from."""

    name: str
    version: str
    transform: Transform
    features: int
    outputs: int
    """Margins per row, which are also trees per iteration."""
    is_average: bool
    """Whether predictions are means over iterations, as random forests have them; margins are sums all the same."""
    trees: Sequence[Section]
    best_iteration: int | None

    @property
    def iterations(self) -> int:
        """Number of iterations."""
        return len(self.trees) // self.outputs

    def range_of(self, wanted: tuple[int, int]) -> tuple[int, int]:
        """The wanted iterations, as the first one and the one after the last. Raises InputError."""
        begin, end = wanted[0], wanted[1] or self.iterations
        if not (0 <= begin < end <= self.iterations or (begin, end) == (0, self.iterations)):
            raise InputError(
                f"{self.name}: iterations {begin} to {end} are not in the model, which has {self.iterations}"
            )
        return begin, end


def read_model(text: ModelText) -> LightGBMModel:
    """The model in a text. Raises UnreadableModel, MalformedModel, UnsupportedModel."""
    header, trees = read_sections(text.data, text.name)
    version = header.text("version").strip()
    if version not in _VERSIONS:
        raise UnsupportedModel(f"{text.name}: format {version[:40]!r} is not supported; known are {_VERSIONS}")
    features = header.count("max_feature_idx") + 1
    names = len(header.text("feature_names").split(" "))
    if names != features:
        header.fail(f"feature_names has {names} names for {features} features")
    outputs = header.count("num_tree_per_iteration", absent=header.count("num_class"))
    if outputs < 1 or len(trees) % outputs or outputs > max(len(trees), header.count("num_class")):
        header.fail(f"{len(trees)} trees are no multiple of {outputs} trees per iteration")
    return LightGBMModel(
        name=text.name,
        version=version,
        transform=transform_of(header.values.get("objective", ""), text.name),
        features=features,
        outputs=outputs,
        is_average="average_output" in header.values,
        trees=trees,
        best_iteration=text.best_iteration,
    )
