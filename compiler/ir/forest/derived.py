"""What follows from a forest and takes long to find: worked out once, and kept as long as the forest is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Concatenate, ParamSpec, TypeVar

from compiler.ir.forest.forest import Forest

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


def once_per_forest(
    find: Callable[Concatenate[Forest, Arguments], Found],
) -> Callable[Concatenate[Forest, Arguments], Found]:
    """A pure function of a forest, and of other hashable arguments, that is called once for each.

    A model of any number of rows has a graph for each size of its tiles, all with the same forest, and all go through
    the same passes.
    """

    @functools.wraps(find)
    def found(forest: Forest, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Found:
        place: Hashable = (find, args, tuple(sorted(kwargs.items())))
        if place not in forest.derived:
            forest.derived[place] = find(forest, *args, **kwargs)
        return forest.derived[place]  # type: ignore[return-value]

    return found
