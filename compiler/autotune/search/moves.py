"""New configurations from good ones: a step to a neighbour, and a mixture of two."""

from __future__ import annotations

import random

from compiler.codegen.space import Choice, Space


def neighbour(rng: random.Random, space: Space, choice: Choice) -> Choice | None:
    """The choice with one knob at another value, mostly the value next to it; None if it has no neighbour."""
    config = choice.config
    near = {knob.name: _adjacent(knob.values, config[knob.name]) for knob in space.knobs}
    around = list(space.neighbours(config))
    close = [other for other in around if all(other[name] in near[name] for name in other)]
    picked = close if close and rng.random() < 2 / 3 else around
    return Choice.of(choice.template, rng.choice(picked)) if picked else None


def crossover(rng: random.Random, space: Space, one: Choice, other: Choice) -> Choice | None:
    """Each knob from either parent, of the same template; None if the mixture is not legal."""
    parents = (one.config, other.config)
    config = {knob.name: rng.choice(parents)[knob.name] for knob in space.knobs}
    return Choice.of(one.template, config) if config in space else None


def _adjacent(values: tuple[int, ...], value: int) -> tuple[int, ...]:
    """The value and those on either side of it, in order of size."""
    ordered = sorted(values)
    at = ordered.index(value)
    return tuple(ordered[max(0, at - 1) : at + 2])
