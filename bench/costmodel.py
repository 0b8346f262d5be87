"""`python -m bench.costmodel`: how well the static model ranks kernels, on spaces that were measured exhaustively.

For each table: Spearman's rank correlation of predicted and measured times, and how much slower than the best of all is
the one that the model likes best, the best of the eight that it likes best, and the default. Nothing is measured and
nothing is compiled: a table has the features of its kernels (`python -m bench.exhaustive --features` brings them up to
date). Constants of the model were chosen by looking at the development tasks only.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from bench.arguments import command_parser
from bench.markdown import table as markdown_table
from bench.tables import TABLES, Table, TableError, load_tables
from compiler.codegen.analytic.features import predicted_seconds
from compiler.targets import resolve

EXAMPLE = """\
example: python -m bench.costmodel bench/tables

exit status: 0 the held-out tasks are ranked well enough, 1 they are not, 2 wrong usage
"""
LEAST_SPEARMAN, MOST_REGRET = 0.8, 0.05
"""What the medians over held-out tasks must reach: rank correlation, and regret of the best of the first eight."""

FEW = 8
HEADER = ("task", "template", "points", "Spearman", "top 1", f"top {FEW}", "default", "median of all")

DEVELOPMENT = frozenset({"a314d434de6c59ee", "80ad30cd7fa3ff80", "304ae51223cf2f8e", "b582066578a7c2b3"})
"""Hashes of the tasks that constants of the model were chosen on (64<-192 of 14x14 pixels, 160<-960 and 512<-2048 of
7x7, and the product 128x1024x256); all others are held out."""


@dataclass(frozen=True)
class Ranking:
    """How the model ranks one space. ``spearman`` is between -1 and 1; the rest is regret, measured seconds by the
    least of all minus 1: of the first one, of the best of the first few, of the default, of the median point."""

    task: str
    template: str
    points: int
    spearman: float
    first: float
    few: float
    default: float
    typical: float


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: ranked well enough, 1: not, 2: wrong usage."""
    parser = command_parser("costmodel", __doc__, EXAMPLE)
    parser.add_argument("tables", nargs="*", type=Path, default=[TABLES], help="tables or folders (bench/tables)")
    options = parser.parse_args(arguments)
    try:
        tables = load_tables(options.tables)
    except TableError as error:
        print(f"bench.costmodel: {error}", file=sys.stderr)
        return 2
    developed = [rank(table) for table in tables if table.task_hash in DEVELOPMENT]
    held_out = [rank(table) for table in tables if table.task_hash not in DEVELOPMENT]
    for title, rankings in (("development", developed), ("held out", held_out)):
        if rankings:
            print(
                f"{title}:\n\n{markdown_table(HEADER, [_row(r) for r in rankings], labels=2)}\n\n{_medians(rankings)}\n"
            )
    return 0 if held_out and is_good(held_out) else 1


def rank(table: Table) -> Ranking:
    """The model against the measurements of one table."""
    target = resolve(table.target)
    points = [point for point in table.points if point.seconds is not None]
    seconds = np.array([point.seconds for point in points])
    predicted = np.array([predicted_seconds(point.features, target) for point in points])
    order = np.argsort(predicted, kind="stable")
    default = next(point for point in points if point.config == table.space.default)
    assert default.seconds is not None
    regret = seconds / seconds.min() - 1
    return Ranking(
        task=table.task_hash,
        template=table.template,
        points=len(points),
        spearman=spearman(predicted, seconds),
        first=float(regret[order[0]]),
        few=float(regret[order[:FEW]].min()),
        default=float(default.seconds / seconds.min() - 1),
        typical=float(np.median(regret)),
    )


def spearman(left: np.ndarray, right: np.ndarray) -> float:
    """The correlation of ranks, of which equal values share the mean; 0 where all values are equal."""
    ranks = [_ranks(values) for values in (left, right)]
    if any(np.ptp(values) == 0 for values in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def is_good(rankings: Sequence[Ranking]) -> bool:
    """Whether the medians reach what the model is to reach."""
    ranked = median(ranking.spearman for ranking in rankings) >= LEAST_SPEARMAN
    return ranked and median(ranking.few for ranking in rankings) <= MOST_REGRET


def _row(ranking: Ranking) -> tuple[str, ...]:
    regrets = (ranking.first, ranking.few, ranking.default, ranking.typical)
    return (
        ranking.task,
        ranking.template,
        str(ranking.points),
        f"{ranking.spearman:.3f}",
        *(f"{regret:.1%}" for regret in regrets),
    )


def _medians(rankings: Sequence[Ranking]) -> str:
    return (
        f"medians of {len(rankings)}: Spearman {median(r.spearman for r in rankings):.3f},"
        f" regret of the first {median(r.first for r in rankings):.1%},"
        f" of the best of {FEW} {median(r.few for r in rankings):.1%},"
        f" of the default {median(r.default for r in rankings):.1%}"
    )


if __name__ == "__main__":
    sys.exit(main())
