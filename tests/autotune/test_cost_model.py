"""The learned model: the prediction before samples, better than it after some, and the same answers every time."""

import itertools
import random
import subprocess
import sys
from collections.abc import Sequence

from compiler.autotune.cost_model import CostModel, LearnedRanking
from compiler.autotune.search.model import Kernel, Sample
from compiler.codegen.space import Choice
from tests.autotune.search.landscapes import Landscape, StaticModel

SIZE, RELATED = 100, 140


def some_samples(count: int, seed: int = 0) -> list[Sample]:
    return random.Random(seed).sample(Landscape(SIZE).samples(), count)


def misordered(ranking: LearnedRanking | StaticModel, samples: Sequence[Sample]) -> float:
    """The part of all pairs, unless they are within 5 %, that is ranked the wrong way round, or not at all."""
    estimates = ranking.estimate([sample.kernel for sample in samples])
    timed = [(s.seconds, e.speed) for s, e in zip(samples, estimates, strict=True) if s.seconds is not None]
    pairs = [(a, b) if a[0] < b[0] else (b, a) for a, b in itertools.combinations(timed, 2)]
    clear = [(fast, slow) for fast, slow in pairs if fast[0] * 1.05 < slow[0]]
    return sum(fast[1] <= slow[1] for fast, slow in clear) / len(clear)


def test_without_samples_the_order_is_the_prediction() -> None:
    kernels = [sample.kernel for sample in some_samples(50)]
    estimates = CostModel().fit([]).estimate(kernels)
    by_speed = sorted(range(50), key=lambda i: -estimates[i].speed)
    assert [kernels[i].features["cycles"] for i in by_speed] == sorted(k.features["cycles"] for k in kernels)
    assert {estimate.spread for estimate in estimates} == {0.0}


def test_without_a_static_model_all_begin_equal() -> None:
    kernels = [Kernel(Choice.of("t", {"rows": rows}), {"knob_rows": float(rows)}) for rows in range(4)]
    assert {estimate.speed for estimate in CostModel().fit([]).estimate(kernels)} == {0.0}


def test_samples_of_the_task_correct_the_prediction() -> None:
    shuffled = some_samples(600)
    ranking = CostModel().fit(shuffled[:64])
    held_out = shuffled[64:264]
    assert misordered(ranking, held_out) < 0.7 * misordered(StaticModel(), held_out)
    assert any(estimate.spread > 0 for estimate in ranking.estimate([sample.kernel for sample in held_out]))


def test_samples_of_a_related_task_correct_the_prediction() -> None:
    held_out = some_samples(200)
    ranking = CostModel(Landscape(RELATED).samples()).fit([])
    assert misordered(ranking, held_out) < 0.7 * misordered(StaticModel(), held_out)


def test_samples_of_the_task_correct_what_related_ones_taught() -> None:
    shuffled = some_samples(600)
    warm = CostModel(Landscape(1000).samples())
    held_out = shuffled[64:264]
    assert misordered(warm.fit(shuffled[:64]), held_out) < misordered(warm.fit([]), held_out)


def test_failures_are_ranked_last() -> None:
    kernels = [Kernel(Choice.of("t", {"rows": rows}), {"knob_rows": float(rows), "cycles": 9.0}) for rows in range(8)]
    samples = [Sample("task", kernel, None if kernel.features["knob_rows"] > 5 else 1e-3) for kernel in kernels]
    speeds = [estimate.speed for estimate in CostModel().fit(samples).estimate(kernels)]
    assert max(speeds[6:]) < min(speeds[:6])


def test_the_same_samples_give_the_same_answers() -> None:
    samples, related = some_samples(40), Landscape(RELATED).samples()[::5]
    kernels = [sample.kernel for sample in some_samples(50, seed=1)]
    answers = [CostModel(related, seed=3).fit(samples).estimate(kernels) for _ in range(2)]
    assert answers[0] == answers[1]
    assert CostModel(related, seed=4).fit(samples).estimate(kernels) != answers[0]


def test_one_model_fits_many_tasks_without_mixing_them() -> None:
    model, kernels = CostModel(), [sample.kernel for sample in some_samples(20)]
    first = model.fit(some_samples(30)).estimate(kernels)
    model.fit(Landscape(RELATED).samples()[:30])
    assert model.fit(some_samples(30)).estimate(kernels) == first


def test_too_few_samples_to_compare_change_nothing() -> None:
    kernels = [sample.kernel for sample in some_samples(20)]
    assert CostModel().fit(some_samples(1)).estimate(kernels) == CostModel().fit([]).estimate(kernels)


def test_no_kernels_have_no_estimates() -> None:
    assert CostModel().fit(some_samples(20)).estimate([]) == []


def test_importances_are_parts_of_one_and_name_features() -> None:
    importances = CostModel().fit(some_samples(200)).importances()
    assert sum(importances.values()) == 1 or abs(sum(importances.values()) - 1) < 1e-6
    assert list(importances.values()) == sorted(importances.values(), reverse=True)
    features = Landscape(SIZE).samples()[0].kernel.features.keys() | {"knob_pack"}
    assert set(importances) <= features - {"cycles"}
    assert CostModel().fit([]).importances() == {}


def test_a_build_does_not_load_it() -> None:
    script = "import sys, compiler.build, compiler.autotune; print('xgboost' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], timeout=120, capture_output=True, text=True)
    assert run.stdout == "False\n", run.stderr
