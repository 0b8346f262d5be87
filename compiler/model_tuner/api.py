"""``tune``: the tuner from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from compiler.autotune.database import Database, default_database
from compiler.autotune.search.table import SEARCHES
from compiler.autotune.session import Effort
from compiler.driver import Settings, build_errors
from compiler.errors import BuildError
from compiler.ir import TensorType
from compiler.model_tuner.forecast import Forecast
from compiler.model_tuner.run import LOCAL, Listener, Request, peak_of, tune_models
from compiler.model_tuner.view import Board
from compiler.source import Source
from compiler.targets import Target, resolve


@dataclass(frozen=True)
class Tuned:
    """What tuning came to: the session's name, by which its records say where they come from; how many candidates are
    known of the models' tasks; and what a run of each model is expected to take before and after."""

    session: str
    trials: int
    forecasts: tuple[Forecast, ...]


def tune(
    models: object = (),
    target: str | Target = "host",
    *,
    inputs: Mapping[str, Sequence[int] | TensorType] | None = None,
    bind: Mapping[str, ArrayLike] | None = None,
    trials: int | None = None,
    seconds: float | None = 300.0,
    search: str | None = None,
    runner: str | None = None,
    database: str | os.PathLike[str] | Database | None = None,
    seed: int = 0,
    executor: str = LOCAL,
    listener: Listener | None = None,
) -> Tuned:
    """Find fast kernels for models and keep them in a database, which builds use.

    Args:
        models: a path, a framework's object or a Graph, or a list of those; empty: the standard networks.
        target: a name or a ``Target``.
        inputs, bind: as for ``compiler.load``.
        trials: how many candidates to try, None: no bound.
        seconds: how long to try, None: no bound.
        search: a name in ``compiler.autotune.search.table``; None: what suits the device.
        runner: what stands before commands that run on the device; None: nothing if the target runs here, else no
            candidate is run, and records are predictions.
        database: an open one or its file; None: the user's.
        seed: the same one, the same proposals.
        executor: ``local``, or ``dask://HOST:PORT``.
        listener: told of every event.

    Raises:
        BuildError: a model cannot be read, there is no such search, or what is needed to build or measure is not there.
    """
    if search is not None and search not in SEARCHES:
        raise BuildError(f"unknown search {search!r}; known are {', '.join(SEARCHES)}")
    with build_errors():
        settings = Settings(resolve(target) if isinstance(target, str) else target)
        given = list(models) if isinstance(models, list | tuple) else [models]
        bound = {name: np.asarray(value) for name, value in (bind or {}).items()}
        sources = [Source(model, dict(inputs or {}), bound) for model in given]
        request = Request(settings, sources, Effort(trials, seconds), search, runner, seed, executor)
        board = Board()

        def hear(event: object) -> None:
            board.hear(event)  # type: ignore[arg-type]
            if listener is not None:
                listener(event)  # type: ignore[arg-type]

        with nullcontext(database) if isinstance(database, Database) else Database.open(_place(database)) as opened:
            session = tune_models(request, opened, peak_of(request), hear)
    return Tuned(session.name, board.trials, tuple(board.forecasts()))


def _place(database: str | os.PathLike[str] | None) -> Path:
    path = default_database() if database is None else Path(database)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
