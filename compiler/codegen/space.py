"""The configurations of a schedule template for one task, as pure data: knobs, their values, and what must hold.

A space can be counted, enumerated, sampled, walked, saved and plotted without knowing what a knob does. Two
configurations of a space never make the same kernel where constraints can say so: knobs that mean nothing in a
situation are pinned there by ``Pinned``.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeAlias, cast

Config: TypeAlias = Mapping[str, int]
"""A value for each knob of a template's space."""


@dataclass(frozen=True)
class Choice:
    """A template by its name and values for its knobs: what a kernel is built from. Hashable."""

    template: str
    knobs: tuple[tuple[str, int], ...]

    @staticmethod
    def of(template: str, config: Config) -> Choice:
        """The choice of a configuration, whatever the order of its knobs."""
        return Choice(template, tuple(sorted(config.items())))

    @property
    def config(self) -> dict[str, int]:
        """The value of each knob."""
        return dict(self.knobs)

    def __str__(self) -> str:
        return " ".join([self.template, *(f"{name}={value}" for name, value in self.knobs)])


@dataclass(frozen=True)
class Knob:
    """One choice: its legal values and the one that the analytic rule picks."""

    name: str
    values: tuple[int, ...]
    default: int


@dataclass(frozen=True)
class AtMost:
    """The product of some knobs' values, times ``factor``, is at most ``limit``: registers, or bytes of a cache."""

    knobs: tuple[str, ...]
    limit: int
    factor: int = 1

    def holds(self, config: Config) -> bool:
        """Whether a configuration satisfies it."""
        return self.factor * math.prod(config[name] for name in self.knobs) <= self.limit


@dataclass(frozen=True)
class Pinned:
    """``knob`` is ``value`` unless every one of ``unless``, knobs with the least value each, is reached: there it means
    nothing, and one value stands for all."""

    knob: str
    value: int
    unless: tuple[tuple[str, int], ...]

    def holds(self, config: Config) -> bool:
        """Whether a configuration satisfies it."""
        return config[self.knob] == self.value or all(config[name] >= least for name, least in self.unless)


@dataclass(frozen=True)
class Among:
    """The values of some knobs are one of ``rows``, in the order of the knobs: a rule that only the template knows."""

    knobs: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]

    def holds(self, config: Config) -> bool:
        """Whether a configuration satisfies it."""
        return tuple(config[name] for name in self.knobs) in self._rows

    @cached_property
    def _rows(self) -> frozenset[tuple[int, ...]]:
        return frozenset(self.rows)


Constraint: TypeAlias = AtMost | Pinned | Among
_CONSTRAINTS = {"at-most": AtMost, "pinned": Pinned, "among": Among}


@dataclass(frozen=True)
class Space:
    """All configurations of a template for one task: the product of the knobs' values, where all constraints hold."""

    knobs: tuple[Knob, ...] = ()
    constraints: tuple[Constraint, ...] = ()

    @property
    def default(self) -> dict[str, int]:
        """The configuration of an untuned build."""
        return {knob.name: knob.default for knob in self.knobs}

    def __iter__(self) -> Iterator[dict[str, int]]:
        """Every configuration, in the order of the knobs' values, the last knob changing fastest."""
        names = [knob.name for knob in self.knobs]
        for values in itertools.product(*(knob.values for knob in self.knobs)):
            config = dict(zip(names, values, strict=True))
            if self._allows(config):
                yield config

    def __contains__(self, config: object) -> bool:
        """Whether a mapping has a legal value for exactly these knobs, and satisfies all constraints."""
        if not isinstance(config, Mapping):
            return False
        given = cast("Config", config)
        legal = given.keys() == self._values.keys() and all(given[name] in self._values[name] for name in given)
        return legal and self._allows(given)

    @cached_property
    def size(self) -> int:
        """How many configurations there are."""
        return sum(1 for _ in self)

    def sample(self, rng: random.Random, tries: int = 1000) -> dict[str, int] | None:
        """A configuration, each equally likely; None when ``tries`` draws satisfied no constraints."""
        for _ in range(tries):
            config = {knob.name: rng.choice(knob.values) for knob in self.knobs}
            if self._allows(config):
                return config
        return None

    def neighbours(self, config: Config) -> Iterator[dict[str, int]]:
        """The configurations that differ from ``config`` in one knob."""
        for knob in self.knobs:
            for value in knob.values:
                other = {**config, knob.name: value}
                if value != config[knob.name] and self._allows(other):
                    yield other

    def to_json(self) -> str:
        """Canonical JSON text."""
        knobs = [{"name": knob.name, "values": knob.values, "default": knob.default} for knob in self.knobs]
        kinds = {kind: name for name, kind in _CONSTRAINTS.items()}
        constraints = [{"kind": kinds[type(rule)], **_fields(rule)} for rule in self.constraints]
        return json.dumps({"knobs": knobs, "constraints": constraints}, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Space:
        """The inverse of ``to_json``. Raises KeyError, TypeError or ValueError for anything else."""
        fields = json.loads(text)
        knobs = tuple(Knob(row["name"], tuple(row["values"]), row["default"]) for row in fields["knobs"])
        return Space(knobs, tuple(_constraint(row) for row in fields["constraints"]))

    @cached_property
    def _values(self) -> dict[str, frozenset[int]]:
        return {knob.name: frozenset(knob.values) for knob in self.knobs}

    def _allows(self, config: Config) -> bool:
        return all(rule.holds(config) for rule in self.constraints)


def _fields(rule: Constraint) -> dict[str, Any]:
    return {field.name: getattr(rule, field.name) for field in fields(rule)}


def _constraint(row: dict[str, Any]) -> Constraint:
    kind = _CONSTRAINTS[row.pop("kind")]
    return kind(**{key: _as_tuple(value) for key, value in row.items()})


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, list) else value
