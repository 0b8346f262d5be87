"""`python -m bench.scaling`: what Kiln gains from more threads, beside what the machine has to give.

Three forms of the same work take turns: a process of one thread, a process of as many threads as there are processors,
and as many processes of one thread at the same time, each on a processor of its own. These share nothing, so what they
compute in a second is the most that threads can gain here; it is less than the number of processors where these are two
halves of a core, or where neighbours use them too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.arguments import command_parser
from bench.latency import SUBJECT, Prepared, PreparedModel, prepare
from bench.markdown import milliseconds, table
from bench.models.catalog import UnknownModel, make_model, model_names
from bench.models.forests import ForestModel, forest_names, make_forest
from bench.models.zoo import DEFAULT_ZOO, MissingZoo
from bench.peers import DATA, ForestFile, forest_peer
from bench.process import Worker, WorkerFailed, available_processors
from bench.timing import Ratio, Summary, Turns, ratio_of_medians, summarize, take_turns
from compiler.arguments import positive
from compiler.errors import BuildError

EXAMPLE = """\
example: python -m bench.scaling higgs year resnet50 --rows 10000

exit status: 0 all was measured, 1 a model could not be, 2 wrong usage
"""
TURN_SECONDS = 0.1
PAUSE_SECONDS = 0.02
HEADER = ("model", "threads", "one thread ms", "all threads ms", "gain", "possible", "of possible", "of minima")


@dataclass(frozen=True)
class Scaling:
    """One model: a run on one thread and on all of them, and the ratios of medians.

    ``gain`` is the time of one thread by that of all; ``possible`` what processes that share nothing compute in the
    time in which one of them computes one run alone; ``of_possible`` the first by the second; ``of_minima`` the gain of
    the shortest runs.
    """

    model: str
    threads: int
    one: Summary
    all: Summary
    gain: Ratio
    possible: Ratio
    of_possible: Ratio
    of_minima: float


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: all was measured, 1: a model could not be, 2: wrong usage."""
    options = _parser().parse_args(arguments)
    threads = len(available_processors())
    if threads < 2:
        print("bench.scaling: there is only one processor", file=sys.stderr)
        return 2
    found: list[Scaling] = []
    status = 0
    for name in options.models:
        print(f"bench.scaling: {name} ...", file=sys.stderr)
        try:
            with tempfile.TemporaryDirectory(prefix="kiln-scaling-") as folder:
                found.append(measure_scaling(_prepared(name, options, Path(folder)), threads, options.turns))
        except (UnknownModel, MissingZoo) as error:
            print(f"bench.scaling: {error}", file=sys.stderr)
            return 2
        except (BuildError, WorkerFailed) as error:
            print(f"bench.scaling: {name}: {error}", file=sys.stderr)
            status = 1
    print(scaling_table(found))
    return status


def _parser() -> argparse.ArgumentParser:
    p = command_parser("scaling", __doc__, EXAMPLE)
    p.add_argument("models", nargs="+", metavar="MODEL", help="names of the catalogs of networks and of forests")
    p.add_argument(
        "--rows", type=positive, default=10_000, metavar="N", help="rows at a time, of forests (%(default)s)"
    )
    p.add_argument("--turns", type=positive, default=30, metavar="N", help="measurements of each form (%(default)s)")
    p.add_argument("--zoo", type=Path, default=DEFAULT_ZOO, metavar="DIR", help="where real models lie")
    return p


def _prepared(name: str, options: argparse.Namespace, folder: Path) -> PreparedModel:
    """The model as Kiln runs it. Raises UnknownModel, MissingZoo, BuildError."""
    if name in forest_names():
        return _prepared_forest(make_forest(name, options.zoo), options.rows, folder)
    if name not in model_names():
        raise UnknownModel(name, [*model_names(), *forest_names()])
    prepared = prepare(name, make_model(name, options.zoo), [SUBJECT], folder)
    if prepared.failures:
        raise BuildError(prepared.failures[SUBJECT])
    return prepared


def _prepared_forest(model: ForestModel, count: int, folder: Path) -> PreparedModel:
    rows = model.rows(count)
    inputs = folder / "rows.npz"
    np.savez(inputs, allow_pickle=False, **{DATA: rows})
    file = ForestFile(model.path, rows.shape[1], inputs)
    artifact = forest_peer(SUBJECT).prepare_forest(file, folder, "host")
    return PreparedModel(f"{model.name}, {count:,} rows", model.path, inputs, {SUBJECT: Prepared(artifact, 0.0)}, {})


def measure_scaling(model: PreparedModel, threads: int, turns: int) -> Scaling:
    """Measure the three forms in turns. Raises WorkerFailed."""
    single = model.workload(SUBJECT, 1)
    with ExitStack() as stack:
        apart = [stack.enter_context(Worker(single, first=number)) for number in range(threads)]
        together = stack.enter_context(Worker(model.workload(SUBJECT, threads)))
        pool = stack.enter_context(ThreadPoolExecutor(threads))

        def at_once() -> Sequence[float]:
            """The time of a run by the number of processes: what a run takes while all of them compute."""
            measured = pool.map(lambda worker: worker.measure(TURN_SECONDS), apart)
            return [seconds / threads for samples in measured for seconds in samples]

        forms = {
            "one": partial(apart[0].measure, TURN_SECONDS),
            "all": partial(together.measure, TURN_SECONDS),
            "apart": at_once,
        }
        taken = take_turns(forms, turns, pause=PAUSE_SECONDS)
    return scaling_of(model.name, threads, taken["one"], taken["all"], taken["apart"])


def scaling_of(model: str, threads: int, one: Turns, together: Turns, apart: Turns) -> Scaling:
    """The ratios of what was measured; ``apart`` are times of a run by the number of processes."""
    shortest = summarize(one), summarize(together)
    return Scaling(
        model,
        threads,
        *shortest,
        gain=ratio_of_medians(one, together),
        possible=ratio_of_medians(one, apart),
        of_possible=ratio_of_medians(apart, together),
        of_minima=shortest[0].minimum / shortest[1].minimum,
    )


def scaling_table(found: Sequence[Scaling]) -> str:
    """A row per model."""
    rows = [
        (
            row.model,
            str(row.threads),
            milliseconds(row.one.median),
            milliseconds(row.all.median),
            *map(str, (row.gain, row.possible, row.of_possible)),
            f"{row.of_minima:.2f}x",
        )
        for row in found
    ]
    return table(HEADER, rows, labels=1)


if __name__ == "__main__":
    sys.exit(main())
