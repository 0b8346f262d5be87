"""Random search: new choices, each of a template equally likely, the templates in turn."""

from __future__ import annotations

import random
from collections.abc import Sequence

from compiler.autotune.search.interface import Observation, Workload
from compiler.autotune.search.ledger import Ledger
from compiler.codegen.space import Choice


class RandomSearch:
    """Draws without looking at results: the baseline of every comparison."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self._rng = random.Random(seed)
        self._ledger = Ledger(workload)

    def ask(self, count: int) -> list[Choice]:
        """New choices; none: the space is done."""
        return self._ledger.claim(count, lambda: self._ledger.next_of_each(lambda t: self._ledger.draw(self._rng, t)))

    def tell(self, observations: Sequence[Observation]) -> None:
        """Results: only that they are known matters here."""
        for observation in observations:
            self._ledger.add(observation.choice)
