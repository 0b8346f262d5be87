"""The suite of forests as the command runs it: model after model, each in a folder of its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.forest.measure import Plan, measure_forest
from bench.isa import isa_named
from bench.models.catalog import UnknownModel
from bench.models.forests import GRID, GRID_MODELS, SUFFIXES, ForestModel, forest_names, make_forest
from bench.peers import MissingPeer, RefusedForest
from bench.process import available_processors
from bench.report import Outcome, Result
from bench.running import run_each
from compiler.codegen.toolchain import ToolchainError
from frontends.xgboost import ModelError


def checked_names(names: Sequence[str]) -> list[str]:
    """The names with the grid spelled out; raises UnknownModel."""
    spelled = [model for name in names for model in (GRID_MODELS if name == GRID else (name,))]
    known = forest_names()
    for name in spelled:
        if name not in known and not (name.endswith(SUFFIXES) and Path(name).is_file()):
            raise UnknownModel(name, [*known, GRID])
    return spelled


def run_forests(
    outcome: Outcome,
    engines: Sequence[str],
    names: Sequence[str],
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> None:
    """Measure all models; raises MissingZoo if one that was asked for by name is not there."""
    counts = [options.threads] if options.threads else sorted({1, len(available_processors())})

    def measure(_name: str, model: ForestModel, directory: Path) -> list[Result]:
        return list(measure_forest(model, plan, directory, say))

    plan = Plan(
        engines=engines,
        counts=counts,
        batches=options.batches,
        isa=isa_named(options.isa),
        turns=options.turns,
        keep=options.keep,
        build_limit=options.build_limit,
        run_limit=options.run_limit,
    )
    failures = (MissingPeer, ModelError, RefusedForest, ToolchainError)
    make = partial(make_forest, zoo=options.zoo)
    run_each(outcome, names, make, measure, failures, say, asked_for=bool(options.models))
