"""Evolutionary search: children of the fittest, by tournament, crossover over knobs and mutation to neighbours.

Steady state: there are no generations, so results may come in any order and number. Source: Goldberg and Deb, A
comparative analysis of selection schemes used in genetic algorithms, 1991 (tournament selection).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from compiler.autotune.search.interface import Observation, Workload
from compiler.autotune.search.ledger import Ledger
from compiler.autotune.search.moves import crossover, neighbour
from compiler.codegen.space import Choice

FOUNDERS = 8
"""Random choices per template before anything has children."""
POPULATION = 16
"""Survivors per template: each template keeps its own, so that one which leads early does not end the others."""
TOURNAMENT = 3
CROSSOVER = 0.5
IMMIGRANTS = 0.15
"""The part of all proposals that are random."""
TRIES = 16
"""Children that may be known already before a random choice takes their place."""


class EvolutionarySearch:
    """Keeps the fastest choices of each template, and proposes their children."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self._rng = random.Random(seed)
        self._workload = workload
        self._ledger = Ledger(workload)
        self._population: dict[str, list[tuple[float, Choice]]] = {template: [] for template in workload.spaces}

    def ask(self, count: int) -> list[Choice]:
        """New choices; none: the space is done."""
        return self._ledger.claim(count, self._propose)

    def tell(self, observations: Sequence[Observation]) -> None:
        """Results; failures have no children."""
        for observation in observations:
            self._ledger.add(observation.choice)
            if observation.seconds is None or not self._ledger.is_legal(observation.choice):
                continue
            population = self._population[observation.choice.template]
            population.append((observation.seconds, observation.choice))
            population.sort(key=lambda member: member[0])
            del population[POPULATION:]

    def _propose(self) -> Choice | None:
        founded = all(self._ledger.count(template) >= FOUNDERS for template in self._workload.spaces)
        if founded and self._rng.random() >= IMMIGRANTS:
            for _ in range(TRIES):
                child = self._child()
                if child is not None and self._ledger.is_new(child):
                    return child
        return self._ledger.next_of_each(lambda template: self._ledger.draw(self._rng, template))

    def _child(self) -> Choice | None:
        everybody = [member for population in self._population.values() for member in population]
        if not everybody:
            return None
        mother = self._winner(everybody)
        space = self._workload.spaces[mother.template]
        if self._rng.random() < CROSSOVER:
            mixed = crossover(self._rng, space, mother, self._winner(self._population[mother.template]))
            if mixed is not None and self._ledger.is_new(mixed):
                return mixed
        return neighbour(self._rng, space, mother)

    def _winner(self, members: Sequence[tuple[float, Choice]]) -> Choice:
        drawn = [self._rng.choice(members) for _ in range(TOURNAMENT)]
        return min(drawn, key=lambda member: member[0])[1]
