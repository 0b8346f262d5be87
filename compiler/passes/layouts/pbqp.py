"""Partitioned Boolean quadratic problems: one alternative per variable, cheapest in sum with the costs of pairs.

The minimum of ``sum_i c_i[x_i] + sum_ij C_ij[x_i, x_j]`` over the choices ``x``. Variables with at most two neighbours
are eliminated without loss (on chains that is dynamic programming); where only others are left, one is fixed by what
looks best from its own place. After Scholz and Eckstein, Register Allocation for Irregular Architectures (LCTES 2002);
NeoCPU (USENIX ATC 2019) uses it for layouts. Knows nothing of graphs of ops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]


@dataclass
class Problem:
    """Variables are numbered in the order in which they are added. Costs may be infinite, but not all of a variable."""

    costs: list[Costs] = field(default_factory=lambda: list[Costs]())
    pairs: list[dict[int, Costs]] = field(default_factory=lambda: list[dict[int, Costs]]())

    def variable(self, costs: Costs) -> int:
        """A new variable with a cost for each of its alternatives; returns its number."""
        self.costs.append(costs.astype(np.float64))
        self.pairs.append({})
        return len(self.costs) - 1

    def pair(self, first: int, second: int, costs: Costs) -> None:
        """Add ``costs[x_first, x_second]`` for two different variables."""
        assert first != second, "a variable's own costs are no pair"
        if second in self.pairs[first]:
            costs = costs + self.pairs[first][second]
        self.pairs[first][second] = costs
        self.pairs[second][first] = costs.T


def solve(problem: Problem) -> list[int]:
    """The number of the chosen alternative of each variable; the minimum where no variable had to be guessed."""
    return _Reduction(problem).solution()


class _Reduction:
    """Variables are taken out one by one; each leaves a rule that finds its choice once its neighbours are known."""

    def __init__(self, problem: Problem) -> None:
        self.costs = [costs.copy() for costs in problem.costs]
        self.pairs = [dict(pairs) for pairs in problem.pairs]
        self.left = dict.fromkeys(range(len(self.costs)))
        self.rules: list[tuple[int, Callable[[list[int]], int]]] = []

    def solution(self) -> list[int]:
        pending = list(self.left)
        while self.left:
            number = self._next(pending)
            neighbours = list(self.pairs[number])
            self._take_out(number, neighbours)
            pending += neighbours
        chosen = [0] * len(self.costs)
        for number, rule in reversed(self.rules):
            chosen[number] = rule(chosen)
        return chosen

    def _next(self, pending: list[int]) -> int:
        """A variable of at most two neighbours if there is one, else the one that has most."""
        while pending:
            number = pending.pop()
            if number in self.left and len(self.pairs[number]) <= 2:
                return number
        return max(self.left, key=lambda each: (len(self.pairs[each]), -each))

    def _take_out(self, number: int, neighbours: list[int]) -> None:
        own = self.costs[number]
        pairs = [self.pairs[number][other] for other in neighbours]
        if len(neighbours) > 2:
            self._fix(number, neighbours, pairs)
        elif not neighbours:
            cheapest = int(own.argmin())
            self.rules.append((number, lambda _: cheapest))
        elif len(neighbours) == 1:
            (other,), table = neighbours, own[:, None] + pairs[0]
            self.costs[other] += table.min(0)
            best = table.argmin(0)
            self.rules.append((number, lambda chosen, other=other, best=best: int(best[chosen[other]])))
        else:
            self._join(number, neighbours, own[:, None, None] + pairs[0][:, :, None] + pairs[1][:, None, :])
        for other in neighbours:
            del self.pairs[other][number]
        self.pairs[number] = {}
        del self.left[number]

    def _join(self, number: int, neighbours: list[int], table: Costs) -> None:
        """Between two neighbours: what the variable costs at best becomes a cost of the pair."""
        first, second = neighbours
        costs = table.min(0)
        if second in self.pairs[first]:
            costs = costs + self.pairs[first][second]
        self.pairs[first][second] = costs
        self.pairs[second][first] = costs.T
        best = table.argmin(0)
        self.rules.append((number, lambda chosen: int(best[chosen[first], chosen[second]])))

    def _fix(self, number: int, neighbours: list[int], pairs: list[Costs]) -> None:
        """Choose now, as if every neighbour could choose for this variable alone."""
        outlook = self.costs[number].copy()
        for other, pair in zip(neighbours, pairs, strict=True):
            outlook += (pair + self.costs[other][None, :]).min(1)
        best = int(outlook.argmin())
        for other, pair in zip(neighbours, pairs, strict=True):
            self.costs[other] += pair[best]
        self.rules.append((number, lambda _: best))
