"""A peer that ends its process in the middle of a measurement, for the tests of how the benchmark reports that."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from bench.peers import Arrays, Session

RUNS = 5


def prepare(model: Path, directory: Path, target: str) -> Path:
    """The file itself."""
    return model


def load(prepared: Path, threads: int) -> Session:
    """A session that lives for so many runs."""
    counter = itertools.count()

    def run(inputs: Arrays) -> Arrays:
        if next(counter) == RUNS:
            os._exit(7)
        return inputs

    return run
