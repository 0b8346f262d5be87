"""Winograd convolutions: how their work is cut into iterations and register tiles, and what it costs.

The model counts, per iteration, the two transforms (arithmetic, and vectors that go through the second-level cache),
the matrix products, and the transformed weights, of which there are up to four times as many bytes as of the weights:
where these do not stay in a cache, reading them is what takes the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from compiler.codegen.analytic.convolution import ConvShape, largest_tile
from compiler.codegen.analytic.machine import far_bytes_per_cycle, near_bytes_per_cycle
from compiler.ir import Node
from compiler.ir.cook_toom import TAPS
from compiler.ir.ops.winograd import WinogradConv
from compiler.targets import Target

WORKERS = (1, 2, 4)
"""Numbers of threads for which a cut into iterations should be good, all alike."""

PIECE_CYCLES = 30
"""Cycles to start and end the loop over channels of one register tile, beside its stores."""

TRANSFORM_STEPS = {2: (4, 5), 4: (14, 13)}
"""Additions and multiply-adds of one row or column in the transforms of inputs and of sums, by outputs."""


@dataclass(frozen=True)
class WinogradTiling:
    """``run``: tiles of an iteration; ``share``: blocks of filters of an iteration; ``tile``: tiles of a matrix product
    in registers at once, at most."""

    run: int
    share: int
    tile: int


@dataclass(frozen=True)
class WinogradCut:
    """What a cut of a convolution into iterations is made of, for the size of its transform."""

    shape: ConvShape
    outputs: int
    vectors: int
    target: Target

    @staticmethod
    def of(anchor: Node, target: Target) -> WinogradCut:
        """The cut of a ``winograd_conv`` whose weights are packed."""
        op, (x, u) = anchor.op, (operand.type for operand in anchor.operands)
        assert isinstance(op, WinogradConv)
        images, channels, height, width = x.shape
        _, filters, rows, columns = anchor.result.type.shape
        window, once, low = (TAPS, TAPS), (1, 1), (op.low[0], op.low[1])
        shape = ConvShape(images, channels, height, width, filters, rows, columns, window, once, once, low, 1)
        return WinogradCut(shape, op.outputs, u.layout.blocks[0][1] // target.lanes(4), target)

    @property
    def grid(self) -> tuple[int, int]:
        """Tiles of an image, down and across."""
        return -(-self.shape.rows // self.outputs), -(-self.shape.columns // self.outputs)

    @property
    def tiles(self) -> int:
        """Tiles of an image."""
        return self.grid[0] * self.grid[1]

    @property
    def points(self) -> int:
        """Products per tile, channel and filter."""
        return (self.outputs + TAPS - 1) ** 2

    @property
    def chunks(self) -> int:
        """Vectors of channels."""
        return -(-self.shape.channels // self.target.lanes(4))

    @property
    def filter_vectors(self) -> int:
        """Vectors of filters."""
        return -(-self.shape.filters // self.target.lanes(4))

    @property
    def blocks(self) -> int:
        """Blocks of filters, of ``vectors`` vectors each."""
        return -(-self.filter_vectors // self.vectors)

    def iterations(self, tiling: WinogradTiling) -> int:
        """Extent of the parallel loop."""
        return self.shape.images * -(-self.tiles // tiling.run) * -(-self.blocks // tiling.share)

    def scratch_bytes(self, tiling: WinogradTiling) -> int:
        """Transformed inputs and sums of an iteration."""
        vectors = self.chunks + tiling.share * self.vectors
        return self.points * tiling.run * vectors * self.target.vector_bytes


def even_pieces(count: int, largest: int) -> Iterator[tuple[int, int]]:
    """``count`` as the fewest pieces of at most ``largest`` of about equal size: each size with how often it comes."""
    pieces = -(-count // largest)
    size, larger = divmod(count, pieces)
    if larger:
        yield size + 1, larger
    yield size, pieces - larger


def default_winograd_tiling(cut: WinogradCut) -> WinogradTiling:
    """The cheapest cut, taking different numbers of threads alike."""
    return min(_tilings(cut), key=lambda tiling: (_shared_cycles(cut, tiling), -tiling.run, -tiling.share))


def winograd_cycles(shape: ConvShape, outputs: int, vectors: int, target: Target) -> float:
    """Cycles of one core for a 3x3 convolution of stride 1 over blocked images, ``vectors`` vectors of filters at a
    time and tiles of ``outputs x outputs`` results; infinite where no template computes it."""
    if shape.filters == 1:
        return math.inf
    cut = WinogradCut(shape, outputs, vectors, target)
    return _cycles(cut, default_winograd_tiling(cut))


def _tilings(cut: WinogradCut) -> Iterator[WinogradTiling]:
    """Runs of about equal size, each with shares of about equal size."""
    tile = largest_tile(cut.vectors, cut.target)
    runs = {-(-cut.tiles // pieces) for pieces in range(1, 1 + -(-2 * cut.tiles // tile))}
    shares = {-(-cut.blocks // parts) for parts in range(1, 1 + cut.blocks)}
    return (WinogradTiling(run, share, tile) for run in sorted(runs) for share in sorted(shares))


def _shared_cycles(cut: WinogradCut, tiling: WinogradTiling) -> float:
    """Cycles times workers until the last of them is done, on average."""
    iterations = cut.iterations(tiling)
    rounds = sum(-(-iterations // workers) * workers for workers in WORKERS) / len(WORKERS)
    return _cycles(cut, tiling) * rounds / iterations


def _cycles(cut: WinogradCut, tiling: WinogradTiling) -> float:
    runs, parts = -(-cut.tiles // tiling.run), -(-cut.blocks // tiling.share)
    near, far = near_bytes_per_cycle(cut.target), far_bytes_per_cycle(cut.target)
    products = sum(
        number * count * cut.blocks * cut.points * _piece_cycles(cut, size)
        for number, tiles in ((runs - 1, tiling.run), (1, cut.tiles - (runs - 1) * tiling.run))
        for size, count in even_pieces(tiles, tiling.tile)
    )
    weights = 4 * cut.points * cut.blocks * cut.vectors * cut.target.lanes(4) * cut.shape.channels
    stays = weights / parts + cut.scratch_bytes(tiling) <= cut.target.l2_bytes
    reads = cut.shape.images * runs
    fetching = weights / far + (reads - 1) * weights / (near if stays else far)
    computing = cut.shape.images * products
    return transforms_cycles(cut, tiling) + max(computing, fetching) + min(computing, fetching) / 3


def transforms_cycles(cut: WinogradCut, tiling: WinogradTiling) -> float:
    """All transforms of inputs and of sums."""
    parts = -(-cut.blocks // tiling.share)
    inputs, sums = _transform_cycles(cut, cut.scratch_bytes(tiling))
    return cut.shape.images * cut.tiles * (parts * cut.chunks * inputs + cut.filter_vectors * sums)


def _transform_cycles(cut: WinogradCut, scratch_bytes: int) -> tuple[float, float]:
    """The transforms of one vector of channels and of one vector of filters in one tile."""
    size, target = cut.outputs + TAPS - 1, cut.target
    inputs, sums = TRANSFORM_STEPS[cut.outputs]
    near, far = (target.vector_bytes / rate(target) for rate in (near_bytes_per_cycle, far_bytes_per_cycle))
    # A vector that is written is fetched first, and what it takes the place of is written back.
    if scratch_bytes <= target.l1d_bytes:
        written, read = 0.5 * near, 0.3 * near
    elif scratch_bytes <= target.l2_bytes * 3 / 4:
        written, read = 1.4 * near, 0.6 * near
    else:
        written, read = 2 * far, far
    return (
        2 * size * inputs / target.fma_ports + cut.points * written,
        (size + cut.outputs) * sums / target.fma_ports + cut.points * read,
    )


def _piece_cycles(cut: WinogradCut, tiles: int) -> float:
    """All channels of one register tile."""
    products = tiles * cut.vectors
    loads = (tiles + cut.vectors) / cut.target.load_ports
    step = max(products / cut.target.fma_ports, float(cut.target.fma_latency), loads)
    return cut.shape.channels * step + 2 * products + PIECE_CYCLES
