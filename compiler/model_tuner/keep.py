"""Which records of a session stay: all if models are shown to be as fast with them, else those that promise the most.

Kernels are measured alone, and a few may lose in the network what they seem to gain. Which they are, only whole builds
tell: each set of records is judged by building with it. Knows neither builds nor databases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from compiler.model_tuner.promise import Promise

RETRIES = 3
"""Sets of records that are tried when all of them together do not hold: an eighth of the first is left of the last."""

Kept = tuple[Promise, ...]
S = TypeVar("S")


def those_that_hold(promised: Sequence[Promise], sources: Sequence[S], holds: Callable[[S, Kept], bool]) -> Kept:
    """The first set that holds for every source: all, or ever fewer; none if no set does.

    Args:
        promised: all records, the most promising first.
        sources: the models.
        holds: whether a model is shown to be as fast with these records as without any. It is asked about a source at
            most once for each set.
    """
    asked = list(sources)

    def hold(kept: Kept) -> bool:
        for source in asked:
            if not holds(source, kept):
                asked.remove(source)
                asked.insert(0, source)  # what failed is likely to fail again: the others need not be built for that
                return False
        return True

    return next((kept for kept in (tuple(promised), *ever_fewer(promised)) if hold(kept)), ())


def tasks_of(kept: Kept) -> frozenset[str]:
    """The hashes of all tasks whose records are kept."""
    return frozenset(task for promise in kept for task in promise.tasks)


def ever_fewer(promised: Sequence[Promise]) -> Iterator[Kept]:
    """The sets to try when all together do not hold: the better half of what promises a gain at all, and of that again,
    at most ``RETRIES`` times; none of them is empty, and none has all."""
    kept = tuple(promised)
    for _ in range(RETRIES):
        gaining = [promise for promise in kept if promise.gain > 0]
        fewer = tuple(gaining[: max(1, len(gaining) // 2)])
        if not fewer or len(fewer) == len(kept):
            return
        yield fewer
        kept = fewer
