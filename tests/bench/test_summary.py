"""The summary of a suite, on results whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.latency import Comparison, Measured
from bench.report import summary_text
from bench.summary import summarize_suite
from bench.timing import Ratio, Summary


def row(engine: str, median: float, speedup: float | None = None) -> Measured:
    ratio = None if speedup is None else Ratio(speedup, speedup, speedup)
    return Measured(engine, Summary(median, median, median, median, 9), 0.1, ratio, None if speedup is None else 0.0)


COMPARISONS = [
    Comparison("easy", 1, (row("kiln", 1.0), row("slow", 4.0, 4.0), row("fast", 2.0, 2.0))),
    Comparison("hard", 1, (row("kiln", 4.0), row("slow", 2.0, 0.5))),
    Comparison("refused", 1, (row("slow", 2.0),), {"kiln": "no such operator"}),
    Comparison("lonely", 1, (row("kiln", 1.0),), {"slow": "absent"}),
    Comparison("easy", 2, (row("kiln", 1.0), row("slow", 3.0, 3.0))),
]


def test_the_best_peer_counts_and_the_mean_is_geometric() -> None:
    one, two = summarize_suite(COMPARISONS)
    assert [(best.model, best.peer, best.ratio.value) for best in one.rows] == [
        ("easy", "fast", 2.0),
        ("hard", "slow", 0.5),
    ]
    assert one.geometric_mean == pytest.approx(1.0)
    assert one.minimum is not None and one.minimum.model == "hard"
    assert (two.threads, two.geometric_mean) == (2, pytest.approx(3.0))


def test_what_does_not_count_is_named_with_the_reason() -> None:
    assert summarize_suite(COMPARISONS)[0].left_out == (
        "refused (kiln did not run)",
        "lonely (no peer gave its results)",
    )
    text = summary_text(summarize_suite(COMPARISONS))
    assert (
        "- 1 thread, best peer / Kiln over 2 models: geometric mean 1.000x, minimum 0.50x (hard);"
        " geometric mean of minima 1.000x; not counted: refused (kiln did not run), lonely (no peer gave its results)"
        in text
    )


def test_nothing_to_compare_is_said() -> None:
    [summary] = summarize_suite(COMPARISONS[2:3])
    assert (summary.minimum, summary.geometric_mean) == (None, None)
    assert "nothing to compare" in summary_text([summary])


def test_a_peer_that_computes_something_else_does_not_count() -> None:
    wrong = replace(row("wrong", 0.1, 0.1), difference=0.5)
    [summary] = summarize_suite([Comparison("net", 1, (row("kiln", 1.0), wrong, row("right", 2.0, 2.0)))])
    assert [best.peer for best in summary.rows] == ["right"]
