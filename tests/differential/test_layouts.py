"""Convolutional networks whose layouts and algorithms are chosen at random, compiled and compared with the reference.

Costs that are drawn instead of estimated make the layout pass choose what it never would: every mixture of row-major
and blocked values, of direct and Winograd convolutions, of packings, that some kernel claims to compute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compiler
from compiler.codegen import analytic
from compiler.ir import Task
from compiler.targets import Target
from tests.codegen.task_kernels import HOST
from tests.differential.drawing import Drawn
from tests.differential.fuzzing import SLOW, fuzz
from tests.differential.networks import networks
from tests.differential.running import run_guarded
from tests.differential.sensitivity import assert_as_expected, expectations
from tests.differential.test_regions import TARGETS


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kernels and C objects are shared by all examples."""
    return tmp_path_factory.mktemp("cache")


def random_costs(seed: int) -> Callable[[Target], Callable[[Task], float]]:
    """Costs from the task's text and a seed; infinite where the estimate is."""

    def estimator(target: Target) -> Callable[[Task], float]:
        honest = analytic.estimate

        def cost(task: Task) -> float:
            seconds = honest(task.graph(), target)
            number = int.from_bytes(hashlib.sha256(f"{seed} {task.text}".encode()).digest()[:4], "little")
            return seconds if seconds in (0.0, float("inf")) else float(number)

        return cost

    return estimator


def check(drawn: Drawn, seed: int, target: Target, cache: Path) -> None:
    """One network under one drawing of costs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analytic, "estimator", random_costs(seed))
        with compiler.compile(drawn.graph, target, verify=False, workers=1, cache_dir=cache) as artifact:
            one, two = (run_guarded(artifact.directory, drawn.graph, drawn.arrays, threads) for threads in (1, 2))
    for name, want in zip(drawn.graph.output_names, expectations(drawn.graph, drawn.arrays), strict=True):
        assert_as_expected(one[name], want, name)
        assert one[name].tobytes() == two[name].tobytes(), f"{name} depends on the number of threads"


SEEDS = st.integers(0, 2**16)


@settings(max_examples=20, suppress_health_check=SLOW)
@given(drawn=networks(), seed=SEEDS)
def test_networks_in_random_layouts(cache: Path, drawn: Drawn, seed: int) -> None:
    check(drawn, seed, HOST, cache)


@settings(max_examples=10, suppress_health_check=SLOW)
@given(drawn=networks(), seed=SEEDS, target=st.sampled_from(TARGETS[1:] or TARGETS))
def test_networks_for_older_processors(cache: Path, drawn: Drawn, seed: int, target: Target) -> None:
    check(drawn, seed, target, cache)


@pytest.mark.long
def test_networks_in_random_layouts_at_length(cache: Path) -> None:
    def example(data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(TARGETS))
        check(data.draw(networks(max_steps=12)), data.draw(SEEDS), target, cache)

    fuzz(example)
