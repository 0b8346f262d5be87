"""The steps of a build as they happen: how long each takes, and who is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

StepListener = Callable[[str, int, int], None]
"""Called with (step, done, total): (name, 0, 1) when a step begins, (name, total, total) when it has
ended."""


class Steps:
    """Records the wall time of each step, in seconds."""

    def __init__(self, progress: StepListener | None = None) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The block is the step ``name``."""
        self.tell(name, 0, 1)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        self.tell(name, 1, 1)

    def tell(self, name: str, done: int, total: int) -> None:
        """How far a step has come."""
        if self._progress:
            self._progress(name, done, total)
