"""The configurations of ``conv_blocked``: what its weights leave to choose, and the analytic rule's choice."""

from __future__ import annotations

import math
from dataclasses import dataclass

from compiler.codegen.analytic.convolution import (
    FEW_REGISTERS,
    ConvShape,
    Tiling,
    TilingSpace,
    column_tiles,
    joined_rows,
)
from compiler.codegen.analytic.machine import near_bytes_per_cycle
from compiler.codegen.schedules.anchors import Anchored
from compiler.codegen.space import Among, AtMost, Knob, Pinned, Space
from compiler.ir import ROW_MAJOR, DType
from compiler.targets import Target

MOST_TOGETHER = 4
"""Channels that are written out in the innermost loop unless a configuration says otherwise, at most."""

ALL_TAPS = 1
"""The value of ``unrolls_taps`` for all taps of a row."""
SOME_TAPS = (2, 4, 8, 16)
"""Its values for so many at a time, where these divide a row that has more."""
MOST_TAPS = 16
"""Taps of a row that may all be written out: hundreds make code that no cache holds and that takes minutes to build."""

HUNGRY = 0.6
"""The part of what the second-level cache delivers that a tile's weights may want while others do too."""
OF_FIRST_LEVEL = 4
"""The weights of a pass fill at most one part in so many of the first-level cache, through which activations pass."""
FEWEST_PRODUCTS = 64
"""Of each sum in a pass: with fewer, keeping the sums between passes takes its share of the time."""


@dataclass(frozen=True)
class BlockedWeights:
    """How a convolution's weights lie: ``vectors`` of filters side by side in each of ``blocks`` blocks, of ``bytes``
    in all; of each filter ``inner`` channels side by side, and then the channels that are left."""

    shape: ConvShape
    vectors: int
    blocks: int
    inner: int
    bytes: int
    by_element: bool

    @staticmethod
    def of(found: Anchored, target: Target) -> BlockedWeights:
        """Those of a convolution."""
        x, w = (operand.type for operand in found.anchor.operands)
        (_, inner), (_, block) = w.layout.blocks
        shape = ConvShape.of(found.anchor)
        by_element = target.multiplies_by_element and x.layout != ROW_MAJOR
        vectors = block // target.lanes(4)
        return BlockedWeights(shape, vectors, -(-shape.filters // block), inner, w.bytes, by_element)

    @property
    def runs_of_channels(self) -> tuple[int, ...]:
        """The distinct numbers of channels that lie side by side."""
        full, rest = divmod(self.shape.channels_per_group, self.inner)
        return tuple(dict.fromkeys((*(self.inner for _ in range(min(full, 1))), *(rest for _ in range(min(rest, 1))))))

    def share(self, tiles: int, lanes: int) -> int:
        """Elements of the next block that each of ``tiles`` tiles asks for with every channel."""
        return -(-self.vectors * lanes // tiles)

    def channels(self) -> tuple[int, ...]:
        """Numbers of channels to write out that make a difference."""
        if self.by_element:
            return (self.inner,)
        together = {self.written_out(count): count for count in (self.inner, 16, 8, 4, 2, 1) if count <= 16}
        return tuple(sorted(together.values()))

    def fitting_passes(self, target: Target) -> int:
        """The fewest equal passes over the channels that leave each with weights that stay in the first-level cache, or
        as many as there may be."""
        blocks, rest = divmod(self.shape.channels_per_group, self.inner)
        products = self.shape.channels_per_group * math.prod(self.shape.window)
        most = min(blocks, products // FEWEST_PRODUCTS) if rest == 0 else 1
        weights = DType.F32.bytes * self.vectors * target.lanes(DType.F32.bytes) * products
        counts = [count for count in range(1, most + 1) if blocks % count == 0] or [1]
        return next((count for count in counts if OF_FIRST_LEVEL * weights <= count * target.l1d_bytes), counts[-1])

    def are_hungry(self, tiling: Tiling, target: Target) -> bool:
        """Whether tiles, small where registers are few, want weights faster than they come from the second-level
        cache."""
        if target.vector_registers > FEW_REGISTERS:
            return False
        per_cycle = target.vector_bytes * target.fma_ports / (tiling.tile * tiling.rows)
        return per_cycle > HUNGRY * near_bytes_per_cycle(target)

    def written_out(self, channels: int) -> tuple[int, ...]:
        """How many are, of at most ``channels``, where so many lie side by side as in each of the runs."""
        return tuple(math.gcd(run, channels) for run in self.runs_of_channels)


def conv_space(weights: BlockedWeights, target: Target) -> Space:
    """The knobs that ``ConvBlocked.space`` describes, their analytic values, and where they mean something."""
    s = weights.shape
    tilings = TilingSpace(s, weights.vectors, target)
    default = tilings.default
    tiles = tiles_of_iteration(s, default)
    fetches = weights.bytes > target.l2_bytes // 8 and weights.blocks > 1 and tiles > 1
    lines = target.cache_line_bytes // (4 * weights.share(tiles, target.lanes(4))) if fetches else 1
    together = min(MOST_TOGETHER, 1 << max(0, lines.bit_length() - 1))
    channels = weights.channels()
    alike = (count for count in channels if weights.written_out(count) == weights.written_out(together))
    default_channels = next(alike, channels[0])
    rows = [(tiling.tile, tiling.rows, tiling.span) for tiling in tilings]
    tile_values, row_values, span_values = (tuple(dict.fromkeys(values)) for values in zip(*rows, strict=True))
    width = s.window[1]
    unrolled = [ALL_TAPS] * (1 < width <= MOST_TAPS) + [
        taps for taps in SOME_TAPS if taps < width and width % taps == 0
    ]
    taps = [
        (tile, unrolls)
        for tile in tile_values
        for unrolls in (0, *unrolled)
        if not unrolls or any(kind.is_inner for kind, _ in column_tiles(s, tile))
    ]
    passes = weights.fitting_passes(target)
    several_rows = (0, 1) if s.rows > 1 else (0,)
    several_blocks = (0, 1) if weights.blocks > 1 else (0,)
    several_spans = several_blocks if s.rows > 1 or not s.is_padded else (0,)
    return Space(
        (
            Knob("tile", tile_values, default.tile),
            Knob("rows", row_values, default.rows),
            Knob("span", span_values, default.span),
            Knob("channels", channels, default_channels),
            Knob("unrolls_taps", tuple(sorted({unrolls for _, unrolls in taps})), 0),
            Knob("blocks_first", several_spans, 0),
            Knob("columns_first", several_rows, 0),
            Knob("fetch", several_blocks, int(fetches)),
            Knob("passes", (1, passes) if passes > 1 else (1,), passes if weights.are_hungry(default, target) else 1),
        ),
        (
            Among(("tile", "rows", "span"), tuple(rows)),
            Among(("tile", "unrolls_taps"), tuple(taps)),
            # Where there is one span, or one tile of columns, or one row, their order means nothing.
            AtMost(("blocks_first", "span"), s.rows - 1)
            if s.rows > 1
            else AtMost(("blocks_first", "span", "tile"), s.columns - 1),
            AtMost(("columns_first", "tile"), s.columns - 1),
            Pinned("columns_first", 0, (("span", 2),)),
        ),
    )


def tiles_of_iteration(shape: ConvShape, tiling: Tiling) -> int:
    """Tiles of one iteration."""
    if tiling.rows > 1:
        return sum(repeats for _, _, repeats in joined_rows(shape, tiling.rows))
    pieces = -(-shape.columns // tiling.tile)
    return min(pieces, tiling.span) if shape.rows == 1 else pieces * min(tiling.span, shape.rows)
