"""Model-guided search: candidates are lowered, a model ranks them by their features, and the best are tried.

The pool of lowered candidates starts as a sample of the spaces and grows by neighbours and mixtures of the best, both
measured and estimated, so that it comes to hold the good part of spaces far too large to lower. A small space is in
the pool as a whole.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from compiler.autotune.search.interface import Features, Observation, Workload
from compiler.autotune.search.interpolation import Interpolation
from compiler.autotune.search.ledger import Ledger
from compiler.autotune.search.model import Kernel, Model, Ranking, Sample
from compiler.autotune.search.moves import crossover, neighbour
from compiler.codegen.space import Choice


@dataclass(frozen=True)
class Effort:
    """How much is lowered and tried.

    Args:
        first: candidates that are lowered before the first batch.
        growth: candidates that are lowered before each further batch.
        batch: the most trials between two fits of the model.
        optimism: how many spreads are added to an estimate.
        epsilon: the part of trials that are drawn from the pool whatever the model says.
    """

    first: int = 48
    growth: int = 16
    batch: int = 4
    optimism: float = 0.5
    epsilon: float = 0.1


PARENTS = 8
"""How many of the best kernels have neighbours and children."""
STRANGERS = 0.25
"""The part of the pool's growth that is random."""
CROSSOVER = 0.5
DRAWS = 10
"""Relatives that are drawn for each that is lowered."""


class GuidedSearch:
    """Asks ``workload.features`` about a bounded number of candidates, and a model about their kernels."""

    def __init__(self, workload: Workload, seed: int, model: Model, effort: Effort | None = None) -> None:
        self._rng = random.Random(seed)
        self._workload = workload
        self._model = model
        self._effort = effort or Effort()
        self._ledger = Ledger(workload)
        self._lowered: dict[Choice, Features] = {}
        self._pool: dict[Choice, Features] = {}
        self._results: dict[Choice, float | None] = {}
        self._tried: set[tuple[str, tuple[tuple[str, float], ...]]] = set()
        self._trials: Counter[str] = Counter()

    def ask(self, count: int) -> list[Choice]:
        """New choices, at most a batch; none: the space is done."""
        self._lower([choice for choice in self._results if choice not in self._lowered])
        ranking = self._model.fit(self._samples())
        self._grow_pool(ranking)
        values = self._values(ranking, self._pool)
        batch: list[Choice] = []
        while self._pool and len(batch) < min(count, self._effort.batch):
            batch.append(self._take(values))
        return batch

    def tell(self, observations: Sequence[Observation]) -> None:
        """Results. Where one comes without features, its choice is lowered for them."""
        for observation in filter(lambda observation: self._ledger.is_legal(observation.choice), observations):
            if observation.choice in self._pool or self._ledger.is_new(observation.choice):
                self._trials[observation.choice.template] += 1  # somebody else's
            self._ledger.add(observation.choice)
            self._results[observation.choice] = observation.seconds
            self._pool.pop(observation.choice, None)
            if observation.features:
                self._lowered[observation.choice] = observation.features

    def _samples(self) -> list[Sample]:
        """What was measured, of kernels that could be lowered."""
        known = [(choice, seconds) for choice, seconds in self._results.items() if self._lowered[choice]]
        return [Sample(self._workload.task, Kernel(choice, self._lowered[choice]), s) for choice, s in known]

    def _values(self, ranking: Ranking, choices: Collection[Choice]) -> dict[Choice, float]:
        """How promising lowered candidates are."""
        estimates = ranking.estimate([Kernel(choice, self._lowered[choice]) for choice in choices])
        optimism = self._effort.optimism
        return {c: e.speed + optimism * e.spread for c, e in zip(choices, estimates, strict=True)}

    def _take(self, values: dict[Choice, float]) -> Choice:
        """Remove a candidate from the pool: the most promising one, or now and then a random one of the template that
        was tried least. The best of a template that was never tried comes first, since a prediction may be wrong about
        a template as a whole; a kernel just like a tried one waits until nothing else is left."""
        fresh = [choice for choice, features in self._pool.items() if _code(choice, features) not in self._tried]
        candidates = fresh or list(self._pool)
        candidates = [choice for choice in candidates if not self._trials[choice.template]] or candidates
        if self._rng.random() < self._effort.epsilon:
            rarest = min((choice.template for choice in candidates), key=self._trials.__getitem__)
            taken = self._rng.choice([choice for choice in candidates if choice.template == rarest])
        else:
            taken = max(candidates, key=values.__getitem__)
        self._trials[taken.template] += 1
        self._tried.add(_code(taken, self._pool.pop(taken)))
        return taken

    def _grow_pool(self, ranking: Ranking) -> None:
        """Lower further candidates; again while none of them can be."""
        count = self._effort.growth if self._lowered else self._effort.first
        while True:
            new = self._relatives(round(count * (1 - STRANGERS)), ranking)
            for choice in new:
                self._ledger.add(choice)
            new += self._ledger.claim(count - len(new), self._stranger)
            self._lower(new)
            self._pool.update((choice, self._lowered[choice]) for choice in new if self._lowered[choice])
            if self._pool or not new:
                return

    def _stranger(self) -> Choice | None:
        return self._ledger.next_of_each(lambda template: self._ledger.draw(self._rng, template))

    def _relatives(self, count: int, ranking: Ranking) -> list[Choice]:
        """New neighbours and mixtures of the best, those first that lie among good ones."""
        known = self._values(ranking, [choice for choice, features in self._lowered.items() if features])
        best = sorted(known, key=lambda choice: -known[choice])[:PARENTS]
        best += [choice for choice in self._fastest() if choice not in best]
        drawn = [self._relative(best) for _ in range(count * DRAWS)] if best else []
        new = dict.fromkeys(choice for choice in drawn if choice is not None and self._ledger.is_new(choice))
        around = {
            template: Interpolation(space, {c: value for c, value in known.items() if c.template == template})
            for template, space in self._workload.spaces.items()
        }
        return sorted(new, key=lambda choice: -around[choice.template].guess(choice))[:count]

    def _fastest(self) -> list[Choice]:
        """The best measured choices."""
        timed = [(seconds, choice) for choice, seconds in self._results.items() if seconds is not None]
        return [choice for _, choice in sorted(timed, key=lambda row: row[0])[:PARENTS]]

    def _relative(self, parents: Sequence[Choice]) -> Choice | None:
        one, other = self._rng.choice(parents), self._rng.choice(parents)
        space = self._workload.spaces[one.template]
        if one.template == other.template and one != other and self._rng.random() < CROSSOVER:
            return crossover(self._rng, space, one, other)
        return neighbour(self._rng, space, one)

    def _lower(self, choices: Sequence[Choice]) -> None:
        """Ask for features; what cannot be lowered has none."""
        if choices:
            found = self._workload.features(choices)
            self._lowered.update((c, features or {}) for c, features in zip(choices, found, strict=True))


def _code(choice: Choice, features: Features) -> tuple[str, tuple[tuple[str, float], ...]]:
    """What two choices that lower to the same code have in common: all features but those that spell their knobs."""
    knobs = {f"knob_{name}" for name, _ in choice.knobs}
    return choice.template, tuple(sorted(item for item in features.items() if item[0] not in knobs))
