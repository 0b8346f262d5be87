"""What a search is: it proposes choices and hears what became of them. Pure: seeded, without clock and I/O.

The same seed, space and answers give the same proposals, so a search can be replayed from a database's log or on a
table of measured times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from compiler.codegen.space import Choice, Space

Features: TypeAlias = Mapping[str, float]
"""Numbers that describe a lowered kernel, by name."""

FeaturesOf: TypeAlias = Callable[[Sequence[Choice]], list[Features | None]]
"""Features of choices, which must be lowered for it; None for those that cannot be."""


@dataclass(frozen=True)
class Workload:
    """One task to search: the spaces of all templates that compute it, by their names, and what may be asked about
    them. Templates compete: a search spreads its trials over all spaces."""

    task: str
    spaces: Mapping[str, Space]
    features: FeaturesOf
    excluded: frozenset[Choice] = frozenset()
    """Choices never to be proposed, since their results are known."""


@dataclass(frozen=True)
class Observation:
    """A result: ``seconds`` is None for a candidate that failed."""

    choice: Choice
    seconds: float | None
    features: Features = field(default_factory=dict[str, float])


class Search(Protocol):
    """One search of one workload."""

    def ask(self, count: int) -> list[Choice]:
        """At most ``count`` new choices, none of which was proposed before or is excluded; none: the space is done."""
        ...

    def tell(self, observations: Sequence[Observation]) -> None:
        """Results, of own proposals or of others' (records that were known before)."""
        ...
