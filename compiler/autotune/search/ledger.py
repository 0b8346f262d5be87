"""``Ledger``: which choices of a workload are spoken for, and drawing new ones that are not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from compiler.autotune.search.interface import Workload
from compiler.codegen.space import Choice, Space

DRAWS = 32
"""Random draws that may hit known choices before the rest of a space is listed."""


class Ledger:
    """The known choices of a workload: excluded, proposed, or heard of. Every search keeps one."""

    def __init__(self, workload: Workload) -> None:
        self._spaces = workload.spaces
        self._known = set(workload.excluded)
        self._counts: Counter[str] = Counter()
        self._rest: dict[str, list[Choice]] = {}

    def is_new(self, choice: Choice) -> bool:
        """Whether the choice is of the workload and not known."""
        return choice not in self._known and self.is_legal(choice)

    def is_legal(self, choice: Choice) -> bool:
        """Whether the choice is of the workload: one of another version of a template need not be."""
        space = self._spaces.get(choice.template)
        return space is not None and choice.config in space

    def count(self, template: str) -> int:
        """How many choices of a template were added."""
        return self._counts[template]

    def add(self, choice: Choice) -> None:
        """From now on the choice is known."""
        if choice not in self._known:
            self._known.add(choice)
            self._counts[choice.template] += 1

    def draw(self, rng: random.Random, template: str) -> Choice | None:
        """A new choice of a template, each equally likely, not added yet; None if there is none left."""
        space = self._spaces[template]
        if template not in self._rest:
            for _ in range(DRAWS):
                config = space.sample(rng)
                if config is None:
                    break
                choice = Choice.of(template, config)
                if choice not in self._known:
                    return choice
        rest = self._unknown(template, space)
        return rng.choice(rest) if rest else None

    def next_of_each(self, draw: Callable[[str], Choice | None]) -> Choice | None:
        """What ``draw`` gives for the template with the fewest known choices, among those for which it gives one."""
        for template in sorted(self._spaces, key=self._counts.__getitem__):
            choice = draw(template)
            if choice is not None:
                return choice
        return None

    def claim(self, count: int, propose: Callable[[], Choice | None]) -> list[Choice]:
        """Up to ``count`` proposals, each added before the next is made; fewer when ``propose`` has none."""
        claimed: list[Choice] = []
        while len(claimed) < count and (choice := propose()) is not None:
            self.add(choice)
            claimed.append(choice)
        return claimed

    def _unknown(self, template: str, space: Space) -> list[Choice]:
        """Kept from call to call: by the time draws fail, a space is mostly known and listing it again is waste."""
        if template not in self._rest:
            self._rest[template] = [Choice.of(template, config) for config in space]
        self._rest[template] = [choice for choice in self._rest[template] if choice not in self._known]
        return self._rest[template]
