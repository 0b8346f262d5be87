"""The configurations of ``winograd``: cuts into runs and shares, register tiles, loops, and where V lies."""

from __future__ import annotations

import math
from collections.abc import Iterator

from compiler.codegen.analytic.convolution import FEWEST_ITERATIONS, graded, halvings, largest_tile
from compiler.codegen.analytic.winograd import WinogradCut, WinogradTiling, default_winograd_tiling, even_pieces
from compiler.codegen.space import Among, AtMost, Knob, Space

SMALLEST = 4
"""The smallest run is so many times smaller than the largest tile of a product."""
MOST_SHARES = 4
"""Into so many parts, and powers of two below, blocks of filters are shared beside what the analytic rule says."""


def winograd_space(cut: WinogradCut) -> Space:
    """The knobs that ``Winograd.space`` describes, their analytic values, and where they mean something."""
    default = default_winograd_tiling(cut)
    cuts = list(_cuts(cut, default))
    rows = tuple((tiling.run, tiling.share, tiling.tile) for tiling in cuts)
    runs, shares, tiles = (tuple(dict.fromkeys(values)) for values in zip(*rows, strict=True))
    lanes = cut.target.lanes(4)
    full, rest = divmod(cut.shape.channels, lanes)
    counts = [lanes] * min(full, 1) + [rest] * min(rest, 1)
    channels = {tuple(math.gcd(count, most) for count in counts): most for most in (16, 8, 4, 2, 1)}
    return Space(
        (
            Knob("run", runs, default.run),
            Knob("share", shares, default.share),
            Knob("tile", tiles, default.tile),
            Knob("channels", tuple(sorted(channels.values())), 1),
            Knob("shares_last", (0, 1) if cut.blocks > 1 else (0,), 0),
            Knob("fetch", (0, 1), 1),
            Knob("points_first", (0, 1) if cut.chunks > 1 else (0,), 0),
        ),
        (
            Among(("run", "share", "tile"), rows),
            # One run of all tiles, or one share of all blocks, comes in one order only.
            AtMost(("shares_last", "run"), cut.tiles - 1),
            AtMost(("shares_last", "share"), cut.blocks - 1),
        ),
    )


def _cuts(cut: WinogradCut, default: WinogradTiling) -> Iterator[WinogradTiling]:
    """Each that makes code of its own and leaves as many iterations as threads need, if the default does; the default
    first."""
    largest = largest_tile(cut.vectors, cut.target)
    fewest = min(FEWEST_ITERATIONS, cut.iterations(default))
    even = {-(-cut.tiles // pieces) for pieces in range(1, 1 + -(-SMALLEST * cut.tiles // largest))}
    shares = {default.share, *(share for share in halvings(cut.blocks) if share * MOST_SHARES >= cut.blocks)}
    made: set[tuple[object, ...]] = set()
    for run in graded(even | {default.run}, keep=default.run):
        for share in sorted(shares):
            for tile in graded(range(largest, max(1, largest // 4) - 1, -1), keep=default.tile):
                tiling = WinogradTiling(run, share, tile)
                rest = cut.tiles % run
                code = (run, share, *even_pieces(run, tile), *(even_pieces(rest, tile) if rest else ()))
                if code not in made and (tiling == default or cut.iterations(tiling) >= fewest):
                    made.add(code)
                    yield tiling
