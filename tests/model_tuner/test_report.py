"""The page on a database, and the analysis under it."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from compiler.artifact import SaveError
from compiler.autotune.validity import Validity
from compiler.model_tuner.analysis import Run, compared_searches, knob_effects, runs_of
from compiler.model_tuner.report import render_tuning_report, write_tuning_report
from tests.autotune.fakes import TARGET, FakeBuilder
from tests.model_tuner.samples import tuned_database

VALIDITY = Validity("toolchain 1", {"tiled": 1, "generic": 2})


def test_a_page_has_everything_and_refers_to_nothing() -> None:
    with tuned_database() as database:
        page = render_tuning_report(database, TARGET, VALIDITY, 1e11, FakeBuilder())
    for heading in ("Tasks", "Tuning curves", "Searches", "Knobs", "What the model learned"):
        assert f"<h2>{heading}</h2>" in page
    assert page.count("<figure>") == 1 and page.count("<polyline") == 2
    assert "matmul f32[64,64] f32[64,64] → f32[64,64]" in page
    assert "tiled.a" in page and "random" in page and "grid" in page and "knob a" in page
    assert not re.search(r'(src|href)="(?!#)', page)
    HTMLParser().feed(page)


def test_a_curve_can_be_seen_and_read() -> None:
    """Even one of a single trial; its scale has numbers, and the best time is near the bottom."""
    with tuned_database() as database:
        one = next(r for r in database.records() if r.provenance["search"] == "random" and r.seconds)
        database.remove(lambda record: record.provenance["search"] == "random" and record != one)
        page = render_tuning_report(database, TARGET, VALIDITY, 1e11, FakeBuilder())
        best = min(record.seconds or math.inf for record in database.records())
    points = re.findall(r'polyline points="(.*?)"', page)
    curves = [[tuple(map(float, point.split(","))) for point in curve.split()] for curve in points]
    assert sorted(curve[-1][0] - curve[0][0] for curve in curves) == [pytest.approx(100 / 40), 100]
    top, bottom = (float(re.findall(rf'class="{mark}">([\d.]+) us', page)[0]) for mark in ("top", "bottom"))
    assert 0 <= bottom < 1e6 * best < top
    assert 90 < max(y for curve in curves for _, y in curve) < 100


def test_a_page_on_an_empty_database_says_so() -> None:
    with tuned_database() as database:
        database.remove(lambda record: True)
        page = render_tuning_report(database, TARGET, VALIDITY, 1e11, FakeBuilder())
    assert "0 records of 0 tasks" in page


def test_a_page_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    with tuned_database() as database, pytest.raises(SaveError):
        write_tuning_report(database, TARGET, VALIDITY, 1e11, FakeBuilder(), tmp_path / "no" / "such" / "r.html")


def test_a_curve_is_the_best_so_far() -> None:
    assert Run("t", "s", "random", (3.0, None, 4.0, 2.0)).curve == [3.0, 3.0, 3.0, 2.0]


def test_searches_are_compared_with_the_best_of_all() -> None:
    runs = [Run("t", "1", "good", (1.0,) * 8), Run("t", "2", "poor", (4.0,) * 7 + (2.0,))]
    assert compared_searches(runs) == {
        "good": [1.0, None, None, None, None],
        "poor": [pytest.approx(0.5), None, None, None, None],
    }


def test_a_run_has_no_defaults_in_it() -> None:
    with tuned_database() as database:
        records = list(database.records())
        runs = runs_of(records)
    assert {run.search for run in runs} == {"random", "grid"}
    defaults = sum(record.provenance["search"] == "default" for record in records)
    assert sum(len(run.seconds) for run in runs) == len(records) - defaults and defaults


def test_a_knob_that_decides_explains_more() -> None:
    with tuned_database() as database:
        effects = knob_effects(database.records())
    assert set(effects) >= {"tiled.a", "tiled.b"} and all(0 <= part <= 1 + 1e-9 for part in effects.values())
