"""Models built with records and without, and run in turns on this machine: what the records bring in the whole."""

from __future__ import annotations

from dataclasses import replace

from compiler.artifact import Artifact
from compiler.autotune.database import Database
from compiler.driver import Settings, build
from compiler.model_tuner.compare import Gain, batches_of, compare
from compiler.source import Source

LONGER = 151
"""Rounds of a comparison that could not show in the usual ones that nothing is lost."""


def trials(source: Source, settings: Settings, records: Database) -> dict[int, Gain]:
    """The gain of a model with some records: one, of 0 rows; with a dynamic batch those of a single row and of a tile,
    by the number of rows. Raises what a build raises, RunError."""
    with (
        build(source, replace(settings, tuning=False, verify=False)) as untuned,
        build(source, replace(settings, tuning=records)) as tuned,
    ):
        return {rows: _gain(untuned, tuned, rows) for rows in batches_of(untuned, tuned)}


def _gain(untuned: Artifact, tuned: Artifact, rows: int) -> Gain:
    """Measured longer where it may be a loss."""
    gain = compare(untuned, tuned, rows=rows)
    return gain if gain.is_no_loss else compare(untuned, tuned, rounds=LONGER, rows=rows)
