"""Lines that share a set of the first-level cache."""

from __future__ import annotations

import dataclasses

import pytest

from compiler.codegen.analytic.cache_sets import crowded_out, lines_of_a_set
from compiler.targets import resolve

ZEN4 = resolve("znver4")
"""Eight ways of 4 KiB, 64 sets."""


@pytest.mark.parametrize(
    ("stride", "lines"),
    [(0, 1), (4, 1), (64, 1), (2048, 7), (4096, 14), (4160, 1), (8192, 14), (4096 + 32, 2)],
)
def test_rows_share_a_set_where_their_distance_says_so(stride: int, lines: int) -> None:
    assert lines_of_a_set(14, stride, ZEN4) == lines


def test_what_finds_no_place_is_counted_over_all_sets() -> None:
    assert [crowded_out(rows, 4096, ZEN4) for rows in (8, 9, 14)] == [0, 1, 6]
    assert [crowded_out(rows, 2048, ZEN4) for rows in (16, 17, 18)] == [0, 1, 2]
    assert crowded_out(64, 4160, ZEN4) == 0


def test_a_cache_of_more_ways_holds_more() -> None:
    larger = dataclasses.replace(ZEN4, l1d_bytes=12 * ZEN4.l1d_way_bytes)
    assert crowded_out(14, 4096, larger) == 2
