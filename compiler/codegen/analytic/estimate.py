"""``estimate``: seconds that a task takes on one core, from its shapes; infinite if no template computes it so.

The rows of ``_estimates`` mirror the templates of ``codegen/schedules`` and what these match. The order of magnitude is
right; what is meant to be right is which of several forms of one computation is faster.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from compiler.codegen.analytic.convolution import ConvShape, direct_cycles, flat_shape
from compiler.codegen.analytic.forests import forest_cycles
from compiler.codegen.analytic.machine import HERTZ, far_bytes_per_cycle, near_bytes_per_cycle, streaming_cycles
from compiler.codegen.analytic.windows import has_even_blocks, imbalance, rows_per_step, window_shape
from compiler.codegen.analytic.winograd import WinogradCut, winograd_cycles
from compiler.ir import ROW_MAJOR, DType, Graph, Layout, Node, Task, TensorType
from compiler.ir.contiguity import concat_rows, same_order, slice_offset
from compiler.ir.ops.binary import Binary, Fmod, Mod, Select
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Broadcast, Concat, Pad, Relayout, Slice
from compiler.ir.ops.pooling import Pool
from compiler.ir.ops.reduction import Reduce
from compiler.ir.ops.resampling import Resample
from compiler.ir.ops.unary import Unary
from compiler.ir.ops.winograd import WinogradConv
from compiler.targets import Target

ROW_MAJOR_CONVOLUTION = 1.15
"""How many times longer a direct convolution takes of row-major images than of blocked ones: it copies padded rows and
turns its results."""

FEW_CHANNELS = 64
"""Up to here a 1x1 convolution of row-major images is limited by its stores, which are contiguous when lanes are
pixels."""

ROW_MAJOR_PLANES = 2.0
"""How many times longer a depthwise convolution or pool takes of row-major images: it goes through scratch."""


def layouts(target: Target) -> tuple[Layout, ...]:
    """The layouts of activations that templates compute in: channels in blocks of one vector."""
    return (Layout(((1, target.lanes(4)),)),)


def estimator(target: Target) -> Callable[[Task], float]:
    """The costs that passes ask for on a target."""

    return functools.cache(lambda task: estimate(task.graph(), target))


def estimate(region: Graph, target: Target) -> float:
    """Seconds of one core for a region."""
    output = region.outputs[0]
    blocked = output.type.layout != ROW_MAJOR
    nodes = [node for node in region if not isinstance(node.op, Relayout)]
    if len(region) == 1 and not nodes:
        return _relayout_cycles(region.inputs[0].type, output.type, target) / HERTZ
    anchors = [node for node in nodes if isinstance(node.op, Conv | WinogradConv | Pool | Reduce | Concat | Slice)]
    if sum(isinstance(node.op, Conv) for node in anchors) > 1:
        return _chain_cycles(region, target) / HERTZ if blocked else math.inf
    if forests := sum(forest_cycles(node, target) for node in nodes):
        return forests / HERTZ
    if len(anchors) != 1 or (isinstance(anchors[0].op, Slice) and len(nodes) > 1):
        possible = not blocked or all(_keeps_channels_apart(node) for node in nodes)
        return _traffic_cycles(region, target) / HERTZ if possible else math.inf
    (anchor,) = anchors
    cycles = _anchor_cycles(anchor, region, target, blocked=blocked)
    return cycles / HERTZ


def _keeps_channels_apart(node: Node) -> bool:
    """Whether a node can be computed at a block of channels from its operands at the same block."""
    if any(value.type.dtype not in (DType.F32, DType.BOOL) for value in node.results):
        return False
    op = node.op
    match op:
        case Mod() | Fmod():
            return False  # they call the C library, an element at a time
        case Constant() | Unary() | Binary() | Select() | Broadcast():
            return True
        case Slice():
            return op.step[1] == 1 and op.start[1] == 0 and op.size[1] == node.operands[0].type.shape[1]
        case Pad():
            return op.low[1] == op.high[1] == 0
        case Resample():
            return op.axis != 1
        case _:
            return False


def _anchor_cycles(anchor: Node, region: Graph, target: Target, *, blocked: bool) -> float:
    match anchor.op:
        case Conv():
            return _conv_cycles(anchor, target, blocked=blocked) + _epilogue_cycles(anchor, region, target)
        case WinogradConv():
            return _winograd_cycles(anchor, target, blocked=blocked) + _epilogue_cycles(anchor, region, target)
        case Concat():
            types = [operand.type for operand in anchor.operands]
            joined = concat_rows(anchor.op, types, region.outputs[0].type) is not None
            return 0.0 if joined else math.inf if blocked else _traffic_cycles(region, target)
        case Slice():
            view = slice_offset(anchor.op, anchor.operands[0].type) is not None
            return 0.0 if view else math.inf if blocked else _traffic_cycles(region, target)
        case Pool():
            return _window_cycles(anchor, target, blocked=blocked) + _epilogue_cycles(anchor, region, target)
        case _:
            return _reduction_cycles(anchor, region, target)


def _conv_cycles(anchor: Node, target: Target, *, blocked: bool) -> float:
    x, w = (operand.type for operand in anchor.operands)
    if x.rank not in (3, 4):
        return math.inf if blocked else 1e12
    shape = ConvShape.of(anchor)
    lanes = target.lanes(4)
    if window_shape(anchor) is not None:
        packed = w.layout == Layout(((0, lanes),))
        return math.inf if blocked and not packed else _window_cycles(anchor, target, blocked=blocked)
    if not blocked:
        block = w.layout.blocks[0][1] if w.layout.blocks else 2 * lanes
        penalty = ROW_MAJOR_CONVOLUTION if w.layout.blocks else _unpacked_penalty(shape, lanes)
        return penalty * max(1.0, lanes / block) * direct_cycles(shape, max(1, block // lanes), target)
    if [axis for axis, _ in w.layout.blocks] != [1, 0]:
        return math.inf
    block = w.layout.blocks[1][1]
    whole_groups = shape.filters_per_group % block == 0 and shape.channels_per_group % lanes == 0
    return direct_cycles(flat_shape(shape), block // lanes, target) if shape.groups == 1 or whole_groups else math.inf


def _winograd_cycles(anchor: Node, target: Target, *, blocked: bool) -> float:
    assert isinstance(anchor.op, WinogradConv)
    blocks = anchor.operands[1].type.layout.blocks
    if not blocked or len(blocks) != 1 or blocks[0][0] != 1 or blocks[0][1] % target.lanes(4):
        return math.inf
    cut = WinogradCut.of(anchor, target)
    return winograd_cycles(cut.shape, cut.outputs, cut.vectors, target)


def _chain_cycles(region: Graph, target: Target) -> float:
    """A depthwise convolution and the 1x1 convolution of its result, step by step of rows, perhaps behind the 1x1
    convolution that it reads: no traffic between them, but the rows where steps overlap are read again, and weights
    that do not stay in the second-level cache, every time."""
    *expansions, depthwise, product = (node for node in region if isinstance(node.op, Conv))
    shape, lanes = window_shape(depthwise), target.lanes(4)
    taps, w = (node.operands[1].type.layout for node in (depthwise, product))
    if shape is None or taps != Layout(((0, lanes),)) or [axis for axis, _ in w.blocks] != [1, 0]:
        return math.inf
    if not has_even_blocks(product.operands[1].type.shape[0], w.blocks[1][1], lanes):
        return math.inf
    rows = rows_per_step(shape, target)
    steps = shape.images * shape.rows // rows
    weights = sum(node.operands[1].type.bytes for node in (*expansions, product))
    again = (steps - 1) * weights / far_bytes_per_cycle(target) if weights > target.l2_bytes / 2 else 0.0
    read = 4 * steps * shape.step_height(rows) * shape.channels * shape.width
    if expansions:
        before = _expansion_cycles(expansions[0], read // steps, target)
        before = _overlapping(before, (steps - 1) * weights / near_bytes_per_cycle(target))
        moving = read / near_bytes_per_cycle(target)
    else:
        x = depthwise.operands[0].type.bytes
        before = 0.0
        moving = streaming_cycles(x, target) + max(0, read - x) / near_bytes_per_cycle(target)
    multiplying = direct_cycles(ConvShape.of(product), w.blocks[1][1] // lanes, target)
    others = [v for v in region.inputs if all(v not in n.operands for n in (*expansions, depthwise, product))]
    adding = streaming_cycles(sum(value.type.bytes for value in others), target) / 2
    folding = _overlapping(_folding_cycles(shape, target), moving + again)
    return (before + folding + multiplying + adding) * imbalance(steps)


def _expansion_cycles(expansion: Node, ring_bytes: int, target: Target) -> float:
    """The first convolution of an inverted bottleneck, one vector of filters at a time, whose result stays in a ring of
    rows in the second-level cache, so that next to nothing shows of its stores. It has few channels and many results,
    and drives weights out of the first-level cache, so that these are read again in every step, which is the caller's
    to add."""
    if ring_bytes > target.l2_bytes / 2:
        return math.inf
    stores = streaming_cycles(expansion.result.type.bytes, target) / 4
    return direct_cycles(ConvShape.of(expansion), 1, target) - stores


def _unpacked_penalty(shape: ConvShape, lanes: int) -> float:
    """How much slower than packed weights are those that lie as they are: as a matrix product over pixels, lanes may be
    badly filled; a window is not computed in registers at all."""
    pixelwise = shape.window == (1, 1) and shape.strides == (1, 1) and not shape.is_padded and shape.low == (0, 0)
    if not pixelwise:
        return 20.0
    pixels = shape.rows * shape.columns
    wasted = -(-pixels // lanes) * lanes / pixels
    return (1.1 if shape.channels_per_group <= FEW_CHANNELS else 1.25) * wasted


def _window_cycles(anchor: Node, target: Target, *, blocked: bool) -> float:
    """A depthwise convolution or a pool: a load and a fold per result and tap, behind the traffic or before it."""
    shape = window_shape(anchor)
    if shape is None:
        return math.inf if blocked else 1e12
    traffic = streaming_cycles(anchor.operands[0].type.bytes + anchor.result.type.bytes, target)
    cycles = _overlapping(_folding_cycles(shape, target), traffic)
    return cycles * (1.0 if blocked else ROW_MAJOR_PLANES)


def _overlapping(computing: float, moving: float) -> float:
    """Most of the shorter of the two goes on behind the longer."""
    return max(computing, moving) + min(computing, moving) / 4


def _folding_cycles(shape: ConvShape, target: Target) -> float:
    """A load and a fold per result and tap of a window op, beside what each result takes."""
    vectors = shape.images * -(-shape.channels // target.lanes(4)) * shape.rows * shape.columns
    return vectors * (math.prod(shape.window) / target.fma_ports + 2)


def _reduction_cycles(anchor: Node, region: Graph, target: Target) -> float:
    """Blocked only over all spatial axes."""
    source = anchor.operands[0].type
    if source.layout == ROW_MAJOR and region.outputs[0].type.layout == ROW_MAJOR:
        return _traffic_cycles(region, target)
    assert isinstance(anchor.op, Reduce)
    spatial = source.rank > 2 and anchor.op.axes == tuple(range(2, source.rank)) and anchor.op.keep
    return _traffic_cycles(region, target) if spatial else math.inf


def _epilogue_cycles(anchor: Node, region: Graph, target: Target) -> float:
    """Cycles to read what the epilogue needs beside the sums."""
    others = [value for value in region.inputs if value not in anchor.operands]
    return streaming_cycles(sum(value.type.bytes for value in others), target) / 2


def _traffic_cycles(region: Graph, target: Target) -> float:
    return streaming_cycles(sum(value.type.bytes for value in (*region.inputs, *region.outputs)), target)


def _relayout_cycles(source: TensorType, result: TensorType, target: Target) -> float:
    return 0.0 if same_order(source, result) else 1.5 * streaming_cycles(source.bytes + result.bytes, target)
