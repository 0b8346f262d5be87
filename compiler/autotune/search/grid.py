"""Grid search: every choice in an order of which any beginning covers the space evenly. Nothing is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from compiler.autotune.search.interface import Observation, Workload
from compiler.autotune.search.ledger import Ledger
from compiler.codegen.space import Choice, Space

GOLDEN = (math.sqrt(5) - 1) / 2


class GridSearch:
    """Walks the product of the knobs' values in steps of the golden ratio, the templates in turn."""

    def __init__(self, workload: Workload) -> None:
        self._ledger = Ledger(workload)
        self._walks = {template: _walk(template, space) for template, space in workload.spaces.items()}

    def ask(self, count: int) -> list[Choice]:
        """New choices; none: the space is done."""
        return self._ledger.claim(count, lambda: self._ledger.next_of_each(self._step))

    def tell(self, observations: Sequence[Observation]) -> None:
        """Results: only that they are known matters here."""
        for observation in observations:
            self._ledger.add(observation.choice)

    def _step(self, template: str) -> Choice | None:
        return next((choice for choice in self._walks[template] if self._ledger.is_new(choice)), None)


def _walk(template: str, space: Space) -> Iterator[Choice]:
    """The legal configurations, by indices ``i * step`` modulo the size of the product, its step coprime to it: a
    Weyl sequence, whose points lie apart at every length (Knuth, The Art of Computer Programming 3, 6.4)."""
    product = math.prod(len(knob.values) for knob in space.knobs)
    step = max(1, round(product * GOLDEN))
    while math.gcd(step, product) != 1:
        step += 1
    for i in range(product):
        config = _configuration(space, i * step % product)
        if config in space:
            yield Choice.of(template, config)


def _configuration(space: Space, index: int) -> dict[str, int]:
    """The index in mixed radix: a digit for each knob."""
    config: dict[str, int] = {}
    for knob in reversed(space.knobs):
        index, digit = divmod(index, len(knob.values))
        config[knob.name] = knob.values[digit]
    return config
