"""Packing of intervals: never overlapping, never below the lower bound, and optimal where that is easy."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compiler.codegen.plan.arena import Interval, live_bytes, pack_arena


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    first = draw(st.integers(0, 30))
    return Interval(draw(st.integers(0, 1000)), first, first + draw(st.integers(0, 10)))


@given(st.lists(intervals(), max_size=40))
def test_no_overlap_and_never_below_the_bound(items: list[Interval]) -> None:
    packing = pack_arena(items)
    assert packing.bytes >= live_bytes(items)
    placed = list(zip(items, packing.offsets, strict=True))
    assert all(offset % 64 == 0 for offset in packing.offsets)
    assert all(offset + item.bytes <= packing.bytes for item, offset in placed)
    for (a, at), (b, to) in itertools.combinations(placed, 2):
        if a.first <= b.last and b.first <= a.last:
            assert at + a.bytes <= to or to + b.bytes <= at


def test_a_chain_needs_its_two_largest_neighbours() -> None:
    sizes = [100 * 64, 300 * 64, 200 * 64, 50 * 64]
    chain = [Interval(size, step, step + 1) for step, size in enumerate(sizes)]
    assert pack_arena(chain).bytes == live_bytes(chain) == 500 * 64


def test_nothing_needs_nothing() -> None:
    assert pack_arena([]).bytes == 0


def test_ten_thousand_buffers_are_packed_well() -> None:
    generator = np.random.default_rng(0)
    sizes = generator.integers(1, 1 << 20, 10_000)
    items = [Interval(int(size), step, step + 2) for step, size in enumerate(sizes)]
    packing = pack_arena(items)
    assert packing.bytes <= 1.4 * live_bytes(items)
