"""`python -m bench.scaling`: the ratios, and a small forest from end to end."""

from __future__ import annotations

import pytest

import bench.scaling
from bench.process import available_processors
from bench.scaling import main, scaling_of

TWO_PROCESSORS = pytest.mark.skipif(len(available_processors()) < 2, reason="there is only one processor")


def test_threads_are_compared_with_processes_that_share_nothing() -> None:
    one, together, apart = [[4.0, 4.4], [4.0]], [[2.5], [2.5, 2.0]], [[2.0], [2.0]]
    found = scaling_of("model", 2, one, together, apart)
    assert (found.gain.value, found.possible.value, found.of_possible.value) == (4.0 / 2.5, 2.0, 2.0 / 2.5)
    assert found.of_minima == 4.0 / 2.0


@TWO_PROCESSORS
def test_a_forest_and_a_network_have_a_row_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grid_f8_d2_t16", "digits", "--rows", "64", "--turns", "1"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][2:]
    assert [row.split("|")[1].strip() for row in rows] == ["grid_f8_d2_t16, 64 rows", "digits"]
    assert all(row.count("x [") == 3 for row in rows)


@TWO_PROCESSORS
def test_a_name_that_is_in_no_catalog_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no_such_model"]) == 2
    assert "no model named 'no_such_model'; known: " in capsys.readouterr().err


def test_one_processor_has_nothing_to_gain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench.scaling, "available_processors", lambda: [0])
    assert main(["digits"]) == 2
    assert "only one processor" in capsys.readouterr().err
