"""Guesses for candidates that were not lowered, from their nearest lowered relatives in the space of knobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from compiler.codegen.space import Choice, Space

NEAREST = 4
Place: TypeAlias = tuple[float, ...]


class Interpolation:
    """What is known of some choices of a template, spread over its space.

    A place has a coordinate from 0 to 1 per knob, by the order of the knob's values, so that a step to the next value
    counts alike whatever the values are. The guess is the mean of the nearest, weighted by inverse squared distance
    (Shepard, A two-dimensional interpolation function for irregularly-spaced data, 1968).
    """

    def __init__(self, space: Space, values: Mapping[Choice, float]) -> None:
        self._ranks = [
            (knob.name, {value: rank / max(1, len(knob.values) - 1) for rank, value in enumerate(sorted(knob.values))})
            for knob in space.knobs
        ]
        self._known = [(self._place(choice), value) for choice, value in values.items()]

    def guess(self, choice: Choice) -> float:
        """The value that a choice is expected to have; minus infinity where nothing is known."""
        place = self._place(choice)
        distances = ((sum((a - b) ** 2 for a, b in zip(place, at, strict=True)), value) for at, value in self._known)
        nearest = sorted(distances)[:NEAREST]
        weights = [(1 / (distance + 1e-6), value) for distance, value in nearest]
        whole = sum(weight for weight, _ in weights)
        return sum(weight * value for weight, value in weights) / whole if weights else float("-inf")

    def _place(self, choice: Choice) -> Place:
        config = choice.config
        return tuple(ranks[config[name]] for name, ranks in self._ranks)
