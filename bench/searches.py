"""`python -m bench.searches`: searches replayed on spaces that were measured exhaustively, without a machine.

Prints, per task and search, the trials until a kernel is within 3 % of the exhaustive best (median over the seeds),
and how near the best is after 8, 16, 32 and 64 trials. The default configurations are left out, and the model of
guided search has learned nothing of these tasks; `--warm` names tables of others that it learns from first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.arguments import command_parser
from bench.markdown import table
from bench.replay import GOOD, Landscape, Replay, landscapes, replay
from bench.tables import TABLES, TableError, load_tables
from compiler.arguments import positive
from compiler.autotune.cost_model import CostModel
from compiler.autotune.search.model import Sample
from compiler.autotune.search.table import SEARCHES

EXAMPLE = """\
example: python -m bench.searches --search guided,random --seeds 10

exit status: 0 done, 1 guided search is not as good as is asked of it, 2 wrong usage
"""
CHECKPOINTS = (8, 16, 32, 64)
ASKED_WITHIN = 32
"""Trials in which guided search must arrive at every task, in the median over the seeds."""
ASKED_OF_RANDOM = 0.5
"""The part of random search's trials that guided search may need, in the geometric mean over the tasks."""
HEADER = ("task", "search", "points", f"trials to {GOOD:.0%}", *(f"after {trials}" for trials in CHECKPOINTS))
GUIDED, RANDOM = "guided", "random"


@dataclass(frozen=True)
class Result:
    """What became of one search on one task; a replay per seed."""

    task: Landscape
    search: str
    replays: tuple[Replay, ...]

    @property
    def arrival(self) -> float:
        """Trials to a good kernel, the median over the seeds."""
        return statistics.median(replay.arrival for replay in self.replays)

    def after(self, trials: int) -> float:
        """Part of the best speed after so many trials, the median over the seeds."""
        return statistics.median(replay.after(trials) for replay in self.replays)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: done, 1: guided search is not good enough, 2: wrong usage."""
    parser = command_parser("searches", __doc__, EXAMPLE)
    parser.add_argument("tables", nargs="*", type=Path, default=[TABLES], help="tables or folders of them")
    parser.add_argument("--search", type=_searches, default=list(SEARCHES), metavar="A,B", help=", ".join(SEARCHES))
    parser.add_argument("--seeds", type=positive, default=10, metavar="N", help="replays per search and task")
    parser.add_argument("--warm", nargs="+", type=Path, default=[], metavar="FILE", help="tables to learn from first")
    options = parser.parse_args(arguments)
    try:
        tasks = landscapes(load_tables(options.tables))
        related = landscapes(load_tables(options.warm)) if options.warm else []
    except TableError as error:
        print(f"bench.searches: {error}", file=sys.stderr)
        return 2
    results = replay_all(tasks, options.search, options.seeds, related)
    print(report(results))
    missed = shortcomings(results)
    print("\n".join(["", *(f"missed: {line}" for line in missed)]) if missed else "")
    return 1 if missed else 0


def replay_all(
    tasks: Sequence[Landscape], searches: Sequence[str], seeds: int, related: Sequence[Landscape] = ()
) -> list[Result]:
    """Every search on every task. A task's own samples are never among what is learned first."""
    jobs = [(task, search) for task in tasks for search in searches]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(partial(_result, seeds=seeds, related=related), *zip(*jobs, strict=True)))


def _result(task: Landscape, search: str, *, seeds: int, related: Sequence[Landscape]) -> Result:
    experience: list[Sample] = []
    for other in related:
        if other.tables[0].task != task.tables[0].task:
            experience += other.samples()
    model = CostModel(experience)
    replays = (replay(task, SEARCHES[search], seed, model, max(CHECKPOINTS)) for seed in range(seeds))
    return Result(task, search, tuple(replays))


def report(results: Sequence[Result]) -> str:
    """A row per task and search, and the geometric means of each search."""
    rows = [
        (
            result.task.name,
            result.search,
            str(len(result.task.points)),
            f"{result.arrival:g}",
            *(f"{result.after(trials):.1%}" for trials in CHECKPOINTS),
        )
        for result in results
    ]
    for search in dict.fromkeys(result.search for result in results):
        of_search = [result for result in results if result.search == search]
        arrival = statistics.geometric_mean(result.arrival for result in of_search)
        near = (statistics.geometric_mean(result.after(trials) for result in of_search) for trials in CHECKPOINTS)
        rows.append(("geometric mean", search, "", f"{arrival:.3g}", *(f"{speed:.1%}" for speed in near)))
    return table(HEADER, rows, labels=2)


def shortcomings(results: Sequence[Result]) -> list[str]:
    """What guided search was asked for and did not reach; a line each."""
    guided = [result for result in results if result.search == GUIDED]
    at_random = [result for result in results if result.search == RANDOM]
    late = [result for result in guided if result.after(ASKED_WITHIN) < GOOD]
    lines = [f"{result.task.name}: {result.after(ASKED_WITHIN):.1%} after {ASKED_WITHIN} trials" for result in late]
    if guided and at_random:
        part = _mean_arrival(guided) / _mean_arrival(at_random)
        if part > ASKED_OF_RANDOM:
            lines.append(f"guided search needs {part:.0%} of the trials of random search")
    return lines


def _mean_arrival(results: Sequence[Result]) -> float:
    return statistics.geometric_mean(result.arrival for result in results)


def _searches(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in SEARCHES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{text!r}: searches are {', '.join(SEARCHES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
