"""A model that learns to rank kernels from measurements, with XGBoost: the one part of the tuner that loads it.

It starts from the static model's prediction and learns what that one gets wrong, in two stages: trees that are fitted
to related samples, of other shapes, tasks and targets, correct the prediction, and trees that are fitted to the task at
hand correct both. Either is fitted to the order of kernels within each task, so that nothing has to be known of how
fast a task or a machine is as a whole. Source of ranking for kernels: Chen et al., Learning to optimize tensor
programs, NeurIPS 2018; of the objective: Burges, From RankNet to LambdaRank to LambdaMART, 2010.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import xgboost

from compiler.autotune.search.model import Estimate, Kernel, Sample

Array: TypeAlias = npt.NDArray[np.float32]

CYCLES = "cycles"
"""The feature that is the static model's answer, up to a factor per target; without it all kernels begin equal. Trees
do not see it, since it tells tasks apart rather than kernels."""
SHARPNESS = 10.0
"""Margin per unit of log speed: of two kernels 10 % apart, the faster one is so with odds of e to 1."""
MEMBERS = 4
"""Boosters per stage, each fitted to a part of the samples; where they differ, the model does not know."""
KEPT = 0.8
"""The part of the samples that a booster sees."""
ROUNDS = 40
FAILED = -10.0
"""The log speed of a failure, beside the fastest kernel of its task at 0: below anything that ran."""
PARAMETERS = {
    "objective": "rank:pairwise",
    "lambdarank_pair_method": "mean",
    "lambdarank_num_pair_per_sample": 8,
    "eta": 0.1,
    "max_depth": 4,
    "min_child_weight": 0.1,
    "tree_method": "hist",
    "nthread": 1,
}


class CostModel:
    """Learns from samples of a task, after related samples that it is given once."""

    def __init__(self, related: Sequence[Sample] = (), seed: int = 0) -> None:
        self._related = tuple(related)
        self._seed = seed

    def fit(self, samples: Sequence[Sample]) -> LearnedRanking:
        """A ranking after these samples; as long as there are none at all, the order of the predictions."""
        if not samples:
            return self._experience
        return LearnedRanking((*self._experience.stages, _stage(samples, self._experience, self._seed + 1)))

    @cached_property
    def _experience(self) -> LearnedRanking:
        prediction = LearnedRanking(())
        return LearnedRanking((_stage(self._related, prediction, self._seed),)) if self._related else prediction


@dataclass(frozen=True)
class Stage:
    """Boosters for the same columns; each continues from the margin of its namesake of the stage before."""

    columns: tuple[str, ...]
    members: tuple[xgboost.Booster | None, ...]
    """None for a part of the samples in which there was nothing to compare."""

    def margins(self, kernels: Sequence[Kernel], before: Array) -> Array:
        """(members, kernels), from the same of the stage before."""
        matrix = _matrix(kernels, self.columns)
        rows = zip(self.members, before, strict=True)
        return np.stack([margin if member is None else _margin(member, matrix, margin) for member, margin in rows])


@dataclass(frozen=True)
class LearnedRanking:
    """The static model's prediction, and the stages that correct it."""

    stages: tuple[Stage, ...]

    def estimate(self, kernels: Sequence[Kernel]) -> list[Estimate]:
        """One estimate per kernel; its spread is 0 as long as nothing was learned."""
        margins = self.margins(kernels) / SHARPNESS
        means, spreads = margins.mean(axis=0), margins.std(axis=0)
        return [Estimate(float(mean), float(spread)) for mean, spread in zip(means, spreads, strict=True)]

    def margins(self, kernels: Sequence[Kernel]) -> Array:
        """What each member says, (members, kernels)."""
        margins = np.tile(_predictions(kernels) * np.float32(SHARPNESS), (MEMBERS, 1))
        if kernels:
            for stage in self.stages:
                margins = stage.margins(kernels, margins)
        return margins

    def importances(self) -> dict[str, float]:
        """The part of all trees' gain that each feature brought, the greatest first. They add up to 1 unless nothing
        was learned."""
        gains: defaultdict[str, float] = defaultdict(float)
        for stage in self.stages:
            for member in filter(None, stage.members):
                scores = cast("Mapping[str, float]", member.get_score(importance_type="total_gain"))
                for name, gain in scores.items():
                    gains[stage.columns[int(name[1:])]] += gain
        whole = sum(gains.values())
        return {name: gains[name] / whole for name in sorted(gains, key=lambda name: (-gains[name], name))}


def _stage(samples: Sequence[Sample], before: LearnedRanking, seed: int) -> Stage:
    """Fit each member to a part of the samples of its own."""
    columns = tuple(sorted({name for sample in samples for name in sample.kernel.features} - {CYCLES}))
    tasks: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        tasks[sample.task].append(sample)
    margins = before.margins([sample.kernel for group in tasks.values() for sample in group])
    rng = random.Random(seed)
    return Stage(columns, tuple(_member(list(tasks.values()), columns, margin, rng) for margin in margins))


def _member(
    groups: Sequence[Sequence[Sample]], columns: Sequence[str], margins: Array, rng: random.Random
) -> xgboost.Booster | None:
    """A booster for the order within each group, of a random part of the samples; None if no group has two."""
    speeds = [_speeds(group) for group in groups]
    numbered = [(g, i) for g, group in enumerate(groups) for i in range(len(group))]
    kept = [row for row in range(len(numbered)) if rng.random() < KEPT]
    seed = rng.randrange(2**31)
    counts = np.bincount([numbered[row][0] for row in kept], minlength=len(groups))
    kept = [row for row in kept if counts[numbered[row][0]] > 1]
    if not kept:
        return None
    places = [numbered[row] for row in kept]
    data = xgboost.DMatrix(
        _matrix([groups[g][i].kernel for g, i in places], columns),
        label=np.asarray([speeds[g][i] for g, i in places], dtype=np.float32),
        base_margin=margins[kept],
        qid=[g for g, _ in places],
        nthread=1,
    )
    return xgboost.train({**PARAMETERS, "seed": seed}, data, num_boost_round=ROUNDS)


def _speeds(group: Iterable[Sample]) -> list[float]:
    """Log speed, against the fastest of the group."""
    seconds = [sample.seconds for sample in group]
    best = min((taken for taken in seconds if taken is not None), default=1.0)
    return [FAILED if taken is None else max(FAILED / 2, math.log(best / taken)) for taken in seconds]


def _margin(member: xgboost.Booster, matrix: Array, before: Array) -> Array:
    data = xgboost.DMatrix(matrix, base_margin=before, nthread=1)
    return cast("Array", member.predict(data, output_margin=True))


def _predictions(kernels: Sequence[Kernel]) -> Array:
    """The static model's log speed, up to a constant."""
    cycles = [kernel.features.get(CYCLES, 0.0) for kernel in kernels]
    return np.asarray([-math.log(count) if count > 0 else 0.0 for count in cycles], dtype=np.float32)


def _matrix(kernels: Sequence[Kernel], columns: Sequence[str]) -> Array:
    """(kernels, columns); NaN where a kernel lacks a feature, which trees may ask about."""
    rows = [[kernel.features.get(name, math.nan) for name in columns] for kernel in kernels]
    return np.asarray(rows, dtype=np.float32).reshape(len(kernels), len(columns))
