"""Artificial tasks for searches: a space like a matrix product's, seconds that interact, and a static model that is
right about most of it. Nothing here is measured."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compiler.autotune.search.interface import Features, Observation, Search, Workload
from compiler.autotune.search.model import Estimate, Kernel, Ranking, Sample
from compiler.codegen.space import AtMost, Choice, Knob, Space

TILED = Space(
    (
        Knob("rows", (1, 2, 3, 4, 6, 8, 12), 4),
        Knob("vectors", (1, 2, 3, 4), 2),
        Knob("depth", (16, 32, 64, 128, 256, 512), 64),
        Knob("unroll", (1, 2, 4), 1),
        Knob("pack", (0, 1), 0),
    ),
    (AtMost(("rows", "vectors"), 28),),
)
ROWWISE = Space((Knob("vectors", (1, 2, 4, 8), 1), Knob("unroll", (1, 2, 4, 8), 1)))


@dataclass(frozen=True)
class Landscape:
    """An artificial task of products of ``size`` rows, columns and summands."""

    size: int
    spaces: Mapping[str, Space] = field(default_factory=lambda: {"tiled": TILED, "rowwise": ROWWISE})

    def seconds(self, choice: Choice) -> float | None:
        """What a measurement gives; None where the kernel fails."""
        config = choice.config
        if choice.template == "rowwise":
            return 3.0 * self._bound(1, config["vectors"]) * _wiggle(self.size, choice)
        if config["rows"] == 12 and config["unroll"] == 4:
            return None
        footprint = config["depth"] * (config["rows"] + 16 * config["vectors"]) * 4
        cache = 1 + max(0.0, math.log2(footprint / 32768)) * 0.15
        overhead = 1 + 6 / (config["depth"] * config["unroll"])
        packing = (1.05 if self.size < 200 else 0.9) if config["pack"] else 1.0
        remainder = 1 + (self.size % config["rows"]) / self.size
        tile = self._bound(config["rows"], config["vectors"])
        return tile * cache * overhead * packing * remainder * _wiggle(self.size, choice)

    def features(self, choice: Choice) -> Features | None:
        """Of a lowered kernel; None for one that cannot be lowered."""
        config = choice.config
        rows, vectors = config.get("rows", 1), config["vectors"]
        if rows == 8 and vectors == 1:
            return None
        return {
            "cycles": 1e9 * self._bound(rows, vectors) * (3.0 if choice.template == "rowwise" else 1.0),
            "loads_per_sum": (rows + vectors) / (rows * vectors),
            "log_footprint": math.log2(config.get("depth", 1) * (rows + 16 * vectors)),
            "log_trips": math.log2(config.get("depth", 1) / config["unroll"]),
            "log_size": math.log2(self.size),
            **{f"knob_{name}": float(value) for name, value in config.items()},
        }

    def workload(self, excluded: frozenset[Choice] = frozenset()) -> Workload:
        """As a search sees it."""
        return Workload(f"size {self.size}", self.spaces, self._all_features, excluded)

    def choices(self) -> list[Choice]:
        """Every choice."""
        return [Choice.of(template, config) for template, space in self.spaces.items() for config in space]

    def best(self) -> float:
        """The least seconds of those that can be lowered."""
        return min(s for c in self.choices() if self.features(c) is not None and (s := self.seconds(c)) is not None)

    def samples(self) -> list[Sample]:
        """Everything as experience for other tasks."""
        known = [(choice, self.features(choice)) for choice in self.choices()]
        return [
            Sample(f"size {self.size}", Kernel(choice, features), self.seconds(choice))
            for choice, features in known
            if features is not None
        ]

    def _all_features(self, choices: Sequence[Choice]) -> list[Features | None]:
        return [self.features(choice) for choice in choices]

    def _bound(self, rows: int, vectors: int) -> float:
        """Multiply-adds against loads, and the latency of too few sums."""
        loads = (rows + vectors) / (rows * vectors)
        return self.size**3 * 1e-11 * max(1.0, 2 * loads, 8 / (rows * vectors))


def _wiggle(size: int, choice: Choice) -> float:
    """A factor within 2 % that no model can know, the same on every machine."""
    digest = hashlib.sha256(f"{size} {choice}".encode()).digest()
    return 1 + 0.02 * digest[0] / 255


def run(search: Search, landscape: Landscape, trials: int, batch: int = 4) -> list[Observation]:
    """The results of a search's first ``trials`` proposals."""
    results: list[Observation] = []
    while len(results) < trials and (choices := search.ask(min(batch, trials - len(results)))):
        found = [Observation(c, landscape.seconds(c), landscape.features(c) or {}) for c in choices]
        search.tell(found)
        results += found
    return results


@dataclass(frozen=True)
class StaticModel:
    """A model that learns nothing: it believes the prediction."""

    def fit(self, samples: Sequence[Sample]) -> Ranking:
        """Itself."""
        return self

    def estimate(self, kernels: Sequence[Kernel]) -> list[Estimate]:
        """The prediction, without doubt."""
        return [Estimate(-math.log(kernel.features.get("cycles", 1.0)), 0.0) for kernel in kernels]
