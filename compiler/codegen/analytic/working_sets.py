"""What a kernel of sums of products keeps using in one iteration of its parallel loop, in bytes: what its knobs decide
of how well caches work. Knows how templates nest their loops; of those it does not know, an even part of each operand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.codegen.analytic.convolution import ConvShape, flat_shape
from compiler.codegen.analytic.winograd import WinogradCut, WinogradTiling
from compiler.ir import Node
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.targets import Target

STAYS = 3 / 4
"""The part of a cache that what is used again can fill: the rest is passed by what is used once."""


@dataclass(frozen=True)
class WorkingSets:
    """``weights``: those of the filters or columns of one register tile, which tile after tile reads; ``inputs``: of
    activations, read again for the next such weights; ``outputs``: results of the iteration. ``passes``: how often the
    whole kernel reads all weights; ``turns``: how many tiles follow each other with the same ones."""

    weights: float
    inputs: float
    outputs: float
    passes: float = 1.0
    turns: float = math.inf

    def fetched(self, target: Target) -> float:
        """The part of all tiles that find their weights in the second-level cache, not in the first."""
        return 1.0 if self.weights > STAYS * target.l1d_bytes else 1 / self.turns


Knobs = Mapping[str, int]


def working_sets(node: Node, template: str, config: Knobs, extent: int, target: Target) -> WorkingSets:
    """Those of a convolution or matrix product; ``extent``: iterations of the parallel loop."""
    known = _KNOWN.get(template)
    if known is not None:
        return known(node, config, target)
    x, w, y = node.operands[0].type.bytes, node.operands[1].type.bytes, node.result.type.bytes
    return WorkingSets(w / extent, x / extent, y / extent)


def _convolution(node: Node, config: Knobs, target: Target) -> WorkingSets:
    assert isinstance(node.op, Conv)
    s = flat_shape(ConvShape.of(node))
    block = node.operands[1].type.layout.blocks[1][1]
    weights = 4 * block * s.channels_per_group * math.prod(s.window) / config["passes"]
    tiles = -(-s.columns // config["tile"])
    if s.rows == 1:
        span, extent = min(tiles, config["span"]), tiles
        columns = min(s.columns, span * config["tile"])
        inputs, outputs = 4 * s.channels_per_group * columns * s.strides[1], 4 * block * columns
    else:
        span, extent = min(s.rows, config["span"]), s.rows
        inputs = 4 * s.channels_per_group * min(s.height, s.step_height(span)) * s.width
        outputs = 4 * block * span * s.columns
    # With blocks outside, one block's weights serve all spans before the next ones come.
    blocks_first = bool(config["blocks_first"])
    passes = s.images if blocks_first else s.images * -(-extent // span)
    turns = (extent if blocks_first else span) * (1 if s.rows == 1 else tiles / config["rows"])
    return WorkingSets(weights, inputs, outputs, passes, turns)


def _product(node: Node, config: Knobs, target: Target) -> WorkingSets:
    assert isinstance(node.op, MatMul)
    a, b = (operand.type for operand in node.operands)
    width = b.layout.blocks[0][1] if b.layout.blocks else config["vectors"] * target.lanes(4)
    tiles = -(-node.result.type.shape[-2] // config["rows"])
    span = min(tiles, config["span"])
    # With panels inside, all of them serve one span of rows before the next one comes.
    panels_last = bool(config["panels_last"])
    rows = min(node.result.type.shape[-2], span * config["rows"])
    passes, turns = (-(-tiles // span), span) if panels_last else (1, tiles)
    depth = a.shape[-1]
    return WorkingSets(4 * depth * width, 4 * rows * depth, 4 * rows * width, passes, turns)


def _transformed(node: Node, config: Knobs, target: Target) -> WorkingSets:
    cut = WinogradCut.of(node, target)
    run, share = config["run"], config["share"]
    scratch = cut.scratch_bytes(WinogradTiling(run, share, config["tile"]))
    filters = cut.vectors * target.lanes(4)
    outputs = 4 * run * min(share, cut.blocks) * filters * cut.outputs**2
    runs = cut.shape.images * -(-cut.tiles // run)
    return WorkingSets(4 * filters * cut.shape.channels, scratch, outputs, runs)


_KNOWN: Mapping[str, Callable[[Node, Knobs, Target], WorkingSets]] = {
    "conv_blocked": _convolution,
    "matmul_tiled": _product,
    "winograd": _transformed,
}
