"""``SEARCHES``: every search by the name that users give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from compiler.autotune.search.evolutionary import EvolutionarySearch
from compiler.autotune.search.grid import GridSearch
from compiler.autotune.search.guided import GuidedSearch
from compiler.autotune.search.interface import Search, Workload
from compiler.autotune.search.model import Model
from compiler.autotune.search.random_search import RandomSearch

Factory: TypeAlias = Callable[[Workload, int, Model], Search]
"""A search of a workload, from a seed and the model that it may ask."""

SEARCHES: Mapping[str, Factory] = MappingProxyType(
    {
        "guided": GuidedSearch,
        "evolutionary": lambda workload, seed, model: EvolutionarySearch(workload, seed),
        "random": lambda workload, seed, model: RandomSearch(workload, seed),
        "grid": lambda workload, seed, model: GridSearch(workload),
    }
)
