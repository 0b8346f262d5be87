"""The rule for the rows of a register tile: few cycles, and no more rows than a set of the first-level cache holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.codegen.schedules.register_tile import balanced_rows, most_rows
from compiler.targets import Target, resolve

ZEN4, ICELAKE, A72 = (resolve(name) for name in ("znver4", "icelake_server", "arm_cortex_a72"))


@pytest.mark.parametrize(
    ("target", "depth", "rows"),
    [
        (ZEN4, 768, 14),  # 3072 bytes: four rows until one shares a set with the first
        (ZEN4, 1024, 8),  # 4096 bytes: all rows share one set, of eight lines
        (ZEN4, 3072, 8),
        (ICELAKE, 1024, 12),
        (A72, 1024, 8),  # sets of two lines, which every fourth row shares
        (A72, 768, 9),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else str(value),
)
def test_no_more_rows_share_a_set_than_it_has_lines(target: Target, depth: int, rows: int) -> None:
    assert balanced_rows(128, 2, target, 4 * depth) == rows


def test_where_every_tall_tile_conflicts_the_tallest_is_as_good() -> None:
    direct_mapped = replace(ZEN4, l1d_way_bytes=ZEN4.l1d_bytes)
    assert balanced_rows(128, 2, direct_mapped, ZEN4.l1d_bytes) == balanced_rows(128, 2, ZEN4)


@pytest.mark.parametrize("rows", [1, 2, 3, 13, 100])
@pytest.mark.parametrize("vectors", [1, 2, 4])
def test_a_tile_fits_in_registers_and_the_matrix(rows: int, vectors: int) -> None:
    for stride in (0, 4096, 4160):
        assert 1 <= balanced_rows(rows, vectors, ZEN4, stride) <= min(rows, most_rows(vectors, ZEN4))
