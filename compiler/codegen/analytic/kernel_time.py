"""Cycles of a whole kernel of sums of products, from its assembly and its task: a model, nothing is run.

Its multiply-adds are spread over the innermost loops as its register tiles are: a loop belongs to the tiles of as many
sums as it has accumulators. The code around the loops, which clears the sums and writes them back, is charged once per
tile. Memory comes from ``machine``: of arithmetic, weights and activations the slowest counts fully, as the others
overlap with it, but for a quarter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.codegen.analytic.assembly import Code, Loop
from compiler.codegen.analytic.convolution import ConvShape, column_tiles, flat_shape
from compiler.codegen.analytic.loop_time import LoopTime, loop_time
from compiler.codegen.analytic.machine import far_bytes_per_cycle, streaming_cycles
from compiler.codegen.analytic.winograd import WinogradCut, WinogradTiling, even_pieces, transforms_cycles
from compiler.ir import Graph, Node
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.winograd import WinogradConv
from compiler.targets import Target

OVERLAPPED = 1 / 4
"""What is left of the time of a part that runs beside a slower one."""


class NoSumsError(ValueError):
    """A kernel without a loop of multiply-adds."""

    def __init__(self, template: str) -> None:
        super().__init__(f"no loop of this kernel of {template} multiplies and adds vectors")


@dataclass(frozen=True)
class KernelTime:
    """``multiply_adds``: vectors that must be multiplied and added, those of padding left out; ``loop``: the innermost
    loop that does most of them, of which an iteration takes ``loop_time``; the rest is cycles of the whole kernel."""

    multiply_adds: float
    loop: Loop
    loop_time: LoopTime
    computing: float
    writing: float
    weights: float
    activations: float
    fma_ports: float
    remainder: float = 0.0
    """The part of the multiply-adds that tiles of another size than the most usual one do."""

    @property
    def cycles(self) -> float:
        """The slowest part, and a quarter of the others."""
        parts = (self.computing + self.writing, self.weights, self.activations)
        return max(parts) + OVERLAPPED * (sum(parts) - max(parts))

    @property
    def of_peak(self) -> float:
        """Multiply-adds by those that the core can do in as many cycles."""
        return self.multiply_adds / self.fma_ports / self.cycles


def kernel_time(region: Graph, template: str, config: Mapping[str, int], code: Code, target: Target) -> KernelTime:
    """The model's answer for the kernel that a template made of a region.

    Raises NoSumsError for a kernel without a loop of multiply-adds.
    """
    loops = [loop for loop in code.loops if loop.multiply_adds]
    sums = sums_of(region)
    if not loops or not sums:
        raise NoSumsError(template)
    multiply_adds = sum(_multiply_adds(node, target) for node in sums) / target.lanes(4)
    tiles = _tiles(sums, template, config, target) or Counter({max(len(loop.chains) for loop in loops): 1})
    usual = max(tiles, key=lambda size: tiles[size])
    main = _loop_of(usual, loops, target)
    each = sum(n * _cycles_each(_loop_of(size, loops, target), target) for size, n in tiles.items()) / tiles.total()
    around = loop_time(code.around, target).throughput / sum(len(loop.chains) for loop in loops)
    weights = [node.operands[1] for node in sums]
    data = [value for value in (*region.inputs, *region.outputs) if value not in weights]
    return KernelTime(
        multiply_adds=multiply_adds,
        loop=main,
        loop_time=loop_time(main, target),
        computing=multiply_adds * each,
        writing=sum(_writing(node, config, around, target) for node in sums),
        weights=sum(value.type.bytes for value in weights) / far_bytes_per_cycle(target),
        activations=streaming_cycles(sum(value.type.bytes for value in data), target),
        fma_ports=target.fma_ports,
        remainder=1 - tiles[usual] / tiles.total(),
    )


def sums_of(region: Graph) -> list[Node]:
    """The convolutions and matrix products of a region."""
    return [node for node in region if isinstance(node.op, Conv | MatMul | WinogradConv)]


def _cycles_each(loop: Loop, target: Target) -> float:
    return loop_time(loop, target).cycles / loop.multiply_adds


def _loop_of(sums: int, loops: Sequence[Loop], target: Target) -> Loop:
    """The loop of the tiles of so many sums: the slowest with as many accumulators; with none, one of the next smaller
    number; the one with most multiply-adds when nothing is known."""
    sizes = {len(loop.chains) for loop in loops if len(loop.chains) <= sums}
    if not sizes:
        return max(loops, key=lambda loop: loop.multiply_adds)
    alike = [loop for loop in loops if len(loop.chains) == max(sizes)]
    return max(alike, key=lambda loop: _cycles_each(loop, target))


def _writing(node: Node, config: Mapping[str, int], around: float, target: Target) -> float:
    """The code around the loops, ``around`` cycles per sum; of Winograd's algorithm, its transforms."""
    if isinstance(node.op, WinogradConv):
        tiling = WinogradTiling(config["run"], config["share"], config["tile"])
        return transforms_cycles(WinogradCut.of(node, target), tiling)
    return around * node.result.type.elements / target.lanes(4)


def _multiply_adds(node: Node, target: Target) -> float:
    """Products that are added, those with padding left out; of Winograd's algorithm, those of transformed tiles."""
    if isinstance(node.op, WinogradConv):
        cut = WinogradCut.of(node, target)
        return float(cut.shape.images * cut.tiles * cut.points * cut.shape.channels * cut.shape.filters)
    if isinstance(node.op, MatMul):
        return float(node.result.type.elements * node.operands[0].type.shape[-1])
    s = ConvShape.of(node)
    taps = [
        sum(
            0 <= at * s.strides[i] - s.low[i] + tap * s.dilations[i] < size
            for at in range(n)
            for tap in range(s.window[i])
        )
        for i, (n, size) in enumerate(((s.rows, s.height), (s.columns, s.width)))
    ]
    return float(s.images * s.filters * s.channels_per_group * math.prod(taps))


def _tiles(sums: Sequence[Node], template: str, config: Mapping[str, int], target: Target) -> Counter[int]:
    """Multiply-adds by the number of sums in the register tile that does them, in any unit; empty if not known."""
    tiles: Counter[int] = Counter()
    if len(sums) == 1:
        for size, share in _KNOWN.get(template, _no_tiles)(sums[0], config, target):
            tiles[size] += share
    return +tiles


def _no_tiles(node: Node, config: Mapping[str, int], target: Target) -> Iterator[tuple[int, int]]:
    yield from ()


def _convolution_tiles(node: Node, config: Mapping[str, int], target: Target) -> Iterator[tuple[int, int]]:
    shape = flat_shape(ConvShape.of(node))
    vectors = node.operands[1].type.layout.blocks[1][1] // target.lanes(4)
    whole, rest = divmod(-(-shape.filters // target.lanes(4)), vectors)
    for width, blocks in ((vectors, whole), (rest, 1)):
        for tile, repeats in column_tiles(shape, config["tile"]):
            yield width * tile.columns, width * blocks * repeats * sum(map(len, tile.taps))


def _window_tiles(node: Node, config: Mapping[str, int], target: Target) -> Iterator[tuple[int, int]]:
    for tile, repeats in column_tiles(ConvShape.of(node), config["tile"]):
        yield tile.columns, repeats * sum(map(len, tile.taps))


def _product_tiles(node: Node, config: Mapping[str, int], target: Target) -> Iterator[tuple[int, int]]:
    whole, rest = divmod(node.result.type.shape[-2], config["rows"])
    for rows, tiles in ((config["rows"], whole), (rest, 1)):
        yield rows * config["vectors"], rows * tiles


def _transformed_tiles(node: Node, config: Mapping[str, int], target: Target) -> Iterator[tuple[int, int]]:
    cut = WinogradCut.of(node, target)
    whole, rest = divmod(cut.tiles, config["run"])
    for run, repeats in ((config["run"], whole), (rest, 1)):
        for tiles, pieces in even_pieces(run, config["tile"]) if run else ():
            yield tiles * cut.vectors, tiles * pieces * repeats


_KNOWN = {
    "conv_blocked": _convolution_tiles,
    "depthwise_blocked": _window_tiles,
    "matmul_tiled": _product_tiles,
    "winograd": _transformed_tiles,
}
"""Templates by name, and how they cut a result into register tiles."""
