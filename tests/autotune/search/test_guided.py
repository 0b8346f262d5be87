"""Guided search: far fewer trials than random search, a bounded number of lowered candidates, and no trial wasted."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

import pytest

from compiler.autotune.cost_model import CostModel
from compiler.autotune.search.guided import Effort, GuidedSearch
from compiler.autotune.search.interface import Features, Observation
from compiler.autotune.search.random_search import RandomSearch
from compiler.codegen.space import Choice
from tests.autotune.search.landscapes import TILED, Landscape, StaticModel, run

SEEDS = range(5)


def arrival(results: Sequence[Observation], landscape: Landscape) -> float:
    """Trials until a result is within 3 % of the best."""
    good = landscape.best() / 0.97
    return next((i for i, o in enumerate(results, 1) if o.seconds is not None and o.seconds <= good), math.inf)


@pytest.mark.parametrize("size", [100, 256, 777])
def test_it_needs_at_most_half_the_trials_of_random_search(size: int) -> None:
    landscape = Landscape(size)
    guided = [GuidedSearch(landscape.workload(), seed, CostModel()) for seed in SEEDS]
    found = statistics.median(arrival(run(search, landscape, 32), landscape) for search in guided)
    drawn = [RandomSearch(landscape.workload(), seed) for seed in SEEDS]
    assert found <= 32
    assert found <= statistics.median(arrival(run(search, landscape, 900), landscape) for search in drawn) / 2


def test_learning_beats_believing_the_prediction() -> None:
    landscape = Landscape(100)
    learned = [
        arrival(run(GuidedSearch(landscape.workload(), s, CostModel()), landscape, 64), landscape) for s in SEEDS
    ]
    static = [
        arrival(run(GuidedSearch(landscape.workload(), s, StaticModel()), landscape, 64), landscape) for s in SEEDS
    ]
    assert statistics.median(learned) < statistics.median(static)


def test_experience_with_other_sizes_makes_it_faster() -> None:
    landscape = Landscape(100)
    model = CostModel(Landscape(140).samples())
    warm = [arrival(run(GuidedSearch(landscape.workload(), s, model), landscape, 64), landscape) for s in SEEDS]
    cold = [arrival(run(GuidedSearch(landscape.workload(), s, CostModel()), landscape, 64), landscape) for s in SEEDS]
    assert statistics.fmean(warm) < 0.8 * statistics.fmean(cold)


def test_the_number_of_lowered_candidates_is_bounded() -> None:
    landscape = Landscape(100)
    workload = landscape.workload()
    lowered: list[Choice] = []

    def features(choices: Sequence[Choice]) -> list[Features | None]:
        lowered.extend(choices)
        return list(workload.features(choices))

    effort = Effort(first=20, growth=6, batch=4)
    search = GuidedSearch(replace(workload, features=features), 0, StaticModel(), effort)
    for batches in range(1, 6):
        assert 0 < len(search.ask(9)) <= 4
        assert len(lowered) == len(set(lowered)) == 20 + 6 * (batches - 1)


def test_known_results_without_features_are_lowered_and_learned_from() -> None:
    landscape = Landscape(100)
    known = [Observation(s.kernel.choice, s.seconds) for s in landscape.samples()[::6]]
    good = landscape.best() / 0.97
    known = [observation for observation in known if observation.seconds is None or observation.seconds > good]
    found: list[float] = []
    for seed in SEEDS:
        search = GuidedSearch(landscape.workload(), seed, CostModel())
        search.tell(known)
        found.append(arrival(run(search, landscape, 64), landscape))
    cold = [arrival(run(GuidedSearch(landscape.workload(), s, CostModel()), landscape, 64), landscape) for s in SEEDS]
    assert statistics.median(found) < statistics.median(cold)


def test_choices_that_lower_to_the_same_code_wait_for_the_others() -> None:
    """Unrolling means nothing here: one choice of each three is tried before any second one."""
    landscape = Landscape(100, {"tiled": TILED})
    workload = landscape.workload()

    def features(choices: Sequence[Choice]) -> list[Features | None]:
        plain = [Choice.of(choice.template, {**choice.config, "unroll": 1}) for choice in choices]
        found = [landscape.features(choice) for choice in plain]
        return [f and {**f, "knob_unroll": float(c.config["unroll"])} for f, c in zip(found, choices, strict=True)]

    search = GuidedSearch(replace(workload, features=features), 0, StaticModel(), Effort(epsilon=0.2))
    tried = [c for _ in range(16) for c in search.ask(4)]
    assert len({tuple(item for item in choice.knobs if item[0] != "unroll") for choice in tried}) == len(tried) == 64
