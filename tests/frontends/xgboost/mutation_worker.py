"""``python -m tests.frontends.xgboost.mutation_worker BEGIN END BYTES``: loads the mutants of these numbers in a
process that gets so many bytes of memory.

Before each it writes the mutant's number, and after it a line of what came of it: ``accepted``, ``accepted wide`` for
a model of so many features that no row is computed, or the name of the error. A model that is accepted is verified, and
the reference computes some rows. Whatever else happens ends the process.
"""

from __future__ import annotations

import resource
import sys

import numpy as np

from compiler.ir import evaluate, verify
from frontends.xgboost import ModelError, Prediction, load
from frontends.xgboost.prediction import Output
from tests.frontends.xgboost.mutation import mutant

ROWS = 3
MOST_ELEMENTS = 2**22
"""Of the input and of the output of what is computed: what a model says of its columns is not bounded by its file."""


def main(begin: int, end: int, memory: int) -> None:
    """Report on every mutant."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for number in range(begin, end):
        print(number, end=" ", flush=True)
        print(outcome(mutant(number), number), flush=True)


def outcome(model: bytes, number: int) -> str:
    """What comes of loading it and, if it loads, of computing rows."""
    wanted: Output = ("prediction", "margin", "leaf")[number % 3]
    try:
        graph = load(Prediction(model, wanted))
        features = graph.inputs[0].type.shape[1]
        if features * ROWS > MOST_ELEMENTS:
            verify(graph)
            return "accepted wide"
        graph = load(Prediction(model, wanted), inputs={"data": (ROWS, features)})
    except ModelError as error:
        if not str(error) or "\n" in str(error):
            raise AssertionError(f"a message that is none: {error!r}") from error
        return type(error).__name__
    verify(graph)
    x = np.random.default_rng(number).normal(size=(ROWS, features)).astype(np.float32) * 4
    x[1] = np.nan
    outputs = evaluate(graph, {"data": np.where(x > 3, np.floor(x), x)})
    if outputs[wanted].shape[0] != ROWS:
        raise AssertionError(f"{outputs[wanted].shape[0]} rows for {ROWS}")
    return "accepted"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
