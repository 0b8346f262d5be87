"""The cost of Winograd's algorithm: which form it prefers where that is clear, and cuts that are legal."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.codegen.analytic.convolution import ConvShape, direct_cycles, largest_tile
from compiler.codegen.analytic.winograd import (
    WinogradCut,
    default_winograd_tiling,
    even_pieces,
    winograd_cycles,
)
from compiler.targets import TARGETS, Target, resolve

SERVER = resolve("icelake-server")


def conv(channels: int, filters: int, side: int, images: int = 1) -> ConvShape:
    """A 3x3 convolution that keeps the size of a square image."""
    return ConvShape(images, channels, side, side, filters, side, side, (3, 3), (1, 1), (1, 1), (1, 1), 1)


def cheapest(shape: ConvShape, target: Target = SERVER) -> int:
    """Outputs per side of a tile of the cheapest algorithm: 1 is the direct one."""
    costs = {outputs: winograd_cycles(shape, outputs, 2, target) for outputs in (2, 4)}
    return min((direct_cycles(shape, 2, target), 1), *((cost, outputs) for outputs, cost in costs.items()))[1]


@pytest.mark.parametrize(("channels", "side"), [(64, 56), (128, 28), (64, 112), (128, 56), (256, 56)])
def test_large_images_are_worth_large_tiles(channels: int, side: int) -> None:
    shape = conv(channels, channels, side)
    assert cheapest(shape) == 4
    assert direct_cycles(shape, 2, SERVER) / winograd_cycles(shape, 4, 2, SERVER) > 1.6


def test_weights_that_are_read_for_a_few_tiles_only_are_not_worth_it() -> None:
    assert cheapest(conv(512, 512, 7)) == 1
    assert cheapest(conv(1024, 1024, 4)) == 1


def test_between_them_small_tiles_have_fewer_weights() -> None:
    shape = conv(512, 512, 14)
    assert winograd_cycles(shape, 2, 2, SERVER) < direct_cycles(shape, 2, SERVER)
    assert winograd_cycles(conv(512, 512, 8), 2, 2, SERVER) < winograd_cycles(conv(512, 512, 8), 4, 2, SERVER)


def test_more_images_cost_more() -> None:
    assert winograd_cycles(conv(64, 64, 28, 8), 4, 2, SERVER) > 4 * winograd_cycles(conv(64, 64, 28), 4, 2, SERVER)


def test_one_filter_has_no_kernel() -> None:
    assert winograd_cycles(conv(64, 1, 28), 4, 2, SERVER) == math.inf


@given(
    target=st.sampled_from(TARGETS),
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 300), st.integers(2, 300), st.integers(1, 60)),
    outputs=st.sampled_from([2, 4]),
    vectors=st.integers(1, 4),
)
def test_default_cuts_are_legal(target: Target, sizes: tuple[int, int, int, int], outputs: int, vectors: int) -> None:
    images, channels, filters, side = sizes
    cut = WinogradCut(conv(channels, filters, side, images), outputs, vectors, target)
    tiling = default_winograd_tiling(cut)
    assert 1 <= tiling.run <= cut.tiles and 1 <= tiling.share <= cut.blocks
    assert 1 <= tiling.tile <= largest_tile(vectors, target)
    assert cut.iterations(tiling) >= 1


@pytest.mark.parametrize(("channels", "side"), [(64, 56), (128, 28), (256, 14), (512, 7)])
@pytest.mark.parametrize("outputs", [2, 4])
def test_several_threads_find_work(channels: int, side: int, outputs: int) -> None:
    cut = WinogradCut(conv(channels, channels, side), outputs, 2, SERVER)
    assert cut.iterations(default_winograd_tiling(cut)) % 4 == 0


@given(st.integers(1, 500), st.integers(1, 40))
def test_pieces_cover_all_and_differ_by_one_at_most(count: int, largest: int) -> None:
    pieces = [size for size, repeats in even_pieces(count, largest) for _ in range(repeats)]
    assert sum(pieces) == count
    assert len(pieces) == -(-count // largest)
    assert max(pieces) <= largest and max(pieces) - min(pieces) <= 1
