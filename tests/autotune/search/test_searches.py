"""What holds for every search: legal new proposals until nothing is left, and the same ones for the same answers."""

import importlib
import pkgutil
import random
from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compiler.autotune.search
from compiler.autotune.search.evolutionary import EvolutionarySearch
from compiler.autotune.search.grid import GridSearch
from compiler.autotune.search.guided import GuidedSearch
from compiler.autotune.search.interface import Features, Observation, Search, Workload
from compiler.autotune.search.random_search import RandomSearch
from compiler.autotune.search.table import SEARCHES
from compiler.codegen.space import AtMost, Choice, Knob, Pinned, Space
from tests.autotune.search.landscapes import Landscape, StaticModel, run

every_search = pytest.mark.parametrize("name", SEARCHES)


def search_of(name: str, workload: Workload, seed: int = 0) -> Search:
    return SEARCHES[name](workload, seed, StaticModel())


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    names = [f"knob{i}" for i in range(draw(st.integers(0, 3)))]
    values = st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True)
    knobs = tuple(Knob(name, tuple(draw(values)), 1) for name in names)
    if not knobs:
        return Space()
    constraints = (AtMost(tuple(names), draw(st.integers(1, 500))), Pinned(names[-1], knobs[-1].values[0], ()))
    return Space(knobs, constraints[: draw(st.integers(0, 2))])


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """One to three templates; some choices are excluded, and some cannot be lowered."""
    found = {f"template{i}": draw(spaces()) for i in range(draw(st.integers(1, 3)))}
    choices = choices_of(found)
    excluded = frozenset(draw(st.lists(st.sampled_from(choices), max_size=4))) if choices else frozenset[Choice]()
    return Workload("task", found, partial(features_of, draw(st.integers(0, 9))), excluded)


def choices_of(found: dict[str, Space]) -> list[Choice]:
    return [Choice.of(template, config) for template, space in found.items() for config in space]


def features_of(illegal: int, choices: Sequence[Choice]) -> list[Features | None]:
    return [None if illegal in c.config.values() else {"cycles": 1.0 + len(str(c))} for c in choices]


def seconds_of(choice: Choice) -> float | None:
    values = choice.config.values()
    return None if 7 in values else 1.0 + sum(value * value for value in values)


def exhaust(search: Search, batch: int) -> list[Choice]:
    proposed: list[Choice] = []
    while choices := search.ask(batch):
        assert len(choices) <= batch
        proposed += choices
        search.tell([Observation(choice, seconds_of(choice)) for choice in choices])
    return proposed


@every_search
@given(workload=workloads(), seed=st.integers(0, 2**32), batch=st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_everything_is_proposed_once_and_then_nothing(name: str, workload: Workload, seed: int, batch: int) -> None:
    proposed = exhaust(search_of(name, workload, seed), batch)
    everything = choices_of(dict(workload.spaces))
    if name == "guided":
        everything = [c for c, features in zip(everything, workload.features(everything), strict=True) if features]
    assert len(proposed) == len(set(proposed))
    assert set(proposed) == set(everything) - workload.excluded


@every_search
@given(workload=workloads(), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_same_seed_and_answers_give_the_same_proposals(name: str, workload: Workload, seed: int) -> None:
    random.seed(1)
    first = exhaust(search_of(name, workload, seed), 3)
    random.seed(2)
    assert exhaust(search_of(name, workload, seed), 3) == first


@every_search
@given(workload=workloads(), known=st.sets(st.integers(0, 40), max_size=6))
@settings(max_examples=25, deadline=None)
def test_what_was_known_before_is_not_proposed(name: str, workload: Workload, known: set[int]) -> None:
    choices = choices_of(dict(workload.spaces))
    told = [Observation(choice, seconds_of(choice)) for i, choice in enumerate(choices) if i in known]
    search = search_of(name, workload)
    search.tell(told)
    assert not set(exhaust(search, 4)) & {observation.choice for observation in told}


@every_search
def test_results_of_choices_outside_the_spaces_are_no_harm(name: str) -> None:
    landscape = Landscape(64)
    search = search_of(name, landscape.workload())
    search.tell([Observation(Choice.of("retired", {"tile": 4}), 1e-9, {"cycles": 1.0})])
    found = run(search, landscape, 40)
    assert len(found) == 40
    assert {observation.choice.template for observation in found} <= {"tiled", "rowwise"}


@every_search
def test_competing_templates_are_all_tried(name: str) -> None:
    landscape = Landscape(64)
    templates = {
        observation.choice.template for observation in run(search_of(name, landscape.workload()), landscape, 48)
    }
    assert templates == {"tiled", "rowwise"}


@pytest.mark.parametrize("name", ["random", "evolutionary", "guided"])
def test_other_seeds_give_other_proposals(name: str) -> None:
    landscape = Landscape(64)
    runs = {
        tuple(o.choice for o in run(search_of(name, landscape.workload(), seed), landscape, 16)) for seed in range(4)
    }
    assert len(runs) == 4


def test_the_beginning_of_a_grid_covers_the_space() -> None:
    """Each value of a knob, and most pairs of values of two, within a twentieth of a space of 4096."""
    space = Space(tuple(Knob(name, (1, 2, 3, 4, 5, 6, 7, 8), 1) for name in "abcd"))
    search = GridSearch(Workload("task", {"only": space}, partial(features_of, 0)))
    configs = [choice.config for choice in search.ask(4096 // 20)]
    for knob in "abcd":
        assert len({config[knob] for config in configs}) == 8
    for pair in ("ab", "ac", "bc", "cd"):
        assert len({(config[pair[0]], config[pair[1]]) for config in configs}) >= 48


def test_evolution_finds_the_good_sooner_than_random() -> None:
    assert trials_to_good("evolutionary") < 0.7 * trials_to_good("random")


def trials_to_good(name: str) -> float:
    """The mean number of trials until a choice is within 3 % of the best, over sizes and seeds."""
    counts: list[int] = []
    for size in (100, 256, 777):
        landscape = Landscape(size)
        good = landscape.best() / 0.97
        for seed in range(6):
            results = run(search_of(name, landscape.workload(), seed), landscape, 400)
            counts.append(next((i for i, o in enumerate(results, 1) if o.seconds and o.seconds <= good), 400))
    return sum(counts) / len(counts)


def test_every_search_is_in_the_table() -> None:
    """By what makes a search: ``ask`` and ``tell``."""
    package = compiler.autotune.search
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}") for info in pkgutil.iter_modules(package.__path__)
    ]
    defined = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and value is not Search and hasattr(value, "ask") and hasattr(value, "tell")
    }
    assert defined == {type(search_of(name, Landscape(64).workload())) for name in SEARCHES}
    assert defined == {RandomSearch, GridSearch, EvolutionarySearch, GuidedSearch}
