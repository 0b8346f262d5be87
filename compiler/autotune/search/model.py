"""What a guided search asks of a learned model. Pure: the same samples give the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from compiler.autotune.search.interface import Features
from compiler.codegen.space import Choice


@dataclass(frozen=True)
class Kernel:
    """A lowered candidate: its choice, and the features of what it was lowered to."""

    choice: Choice
    features: Features


@dataclass(frozen=True)
class Sample:
    """What a model learns from: a kernel of a task, and how long it took (None: it failed)."""

    task: str
    kernel: Kernel
    seconds: float | None


@dataclass(frozen=True)
class Estimate:
    """What a model expects of a kernel: ``speed`` is the negative logarithm of its seconds, up to a constant that
    all kernels of the task share; ``spread`` is the standard deviation of what several models say of it."""

    speed: float
    spread: float


class Ranking(Protocol):
    """A model after learning."""

    def estimate(self, kernels: Sequence[Kernel]) -> list[Estimate]:
        """One estimate per kernel, all of them of one task, in their order."""
        ...


class Model(Protocol):
    """A model that may know related samples, of other tasks, already."""

    def fit(self, samples: Sequence[Sample]) -> Ranking:
        """What the model believes after these samples of the task at hand; there may be none yet."""
        ...
