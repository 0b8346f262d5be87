"""A suite's loop over its models: one after the other, so that only one is in memory and on the disk at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from bench.models.zoo import MissingZoo
from bench.report import Outcome, Result

Model = TypeVar("Model")


def run_each(
    outcome: Outcome,
    names: Sequence[str],
    make: Callable[[str], Model],
    measure: Callable[[str, Model, Path], Iterable[Result]],
    failures: tuple[type[Exception], ...],
    say: Callable[[str], None],
    *,
    asked_for: bool,
) -> None:
    """Measure all models, each in a folder of its own, into ``outcome``.

    Args:
        outcome: gets results, models that are not here, and those that could not be measured.
        names: of the models.
        make: a model by its name.
        measure: the results of a model, by its name and in a folder.
        failures: what ``measure`` raises for a model that cannot be measured.
        say: hears how far it is.
        asked_for: whether somebody named these models, so that all must be here.

    Raises MissingZoo if a model that was asked for is not here.
    """
    for name in names:
        try:
            model = make(name)
        except MissingZoo as missing:
            if asked_for:
                raise
            outcome.skipped[name] = str(missing)
            say(f"skipped: {missing}")
            continue
        say(f"{name} ...")
        with tempfile.TemporaryDirectory(prefix="kiln-bench-") as directory:
            try:
                outcome.results += measure(name, model, Path(directory))
            except failures as error:
                outcome.refused[name] = str(error)
