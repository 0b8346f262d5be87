"""Window ops that treat each channel on its own, depthwise convolutions and pools: their shape and register tiles."""

from __future__ import annotations

from compiler.codegen.analytic.convolution import FEWEST_ITERATIONS, ConvShape, Tiling, two_axes
from compiler.ir import Node
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.pooling import Pool
from compiler.targets import Target

LARGEST_TILE = 16
"""Columns beyond which a wider tile saves next to no loads."""

FEW_THREADS = 4
"""Threads that the iterations of a kernel with few of them should be even for."""

FEWEST_COLUMNS = 4
"""Columns that are worth accumulators on the stack: fewer hardly share what a window reads."""


def window_shape(anchor: Node) -> ConvShape | None:
    """The shape of a pool, or of a convolution whose filters see one channel each and whose channels have one filter
    each, over one or two spatial axes; None for another node."""
    op = anchor.op
    if not isinstance(op, Conv | Pool) or anchor.operands[0].type.rank not in (3, 4):
        return None
    if isinstance(op, Conv):
        shape = ConvShape.of(anchor)
        return shape if shape.channels_per_group == shape.filters_per_group == 1 else None
    x, out = anchor.operands[0].type.shape, anchor.result.type.shape
    (height, width), (rows, columns) = two_axes(x[2:], 1), two_axes(out[2:], 1)
    window, strides, dilations = (two_axes(values, 1) for values in (op.window, op.strides, op.dilations))
    low = two_axes(op.low, 0)
    return ConvShape(x[0], x[1], height, width, x[1], rows, columns, window, strides, dilations, low, groups=x[1])


def folds_rows_first(anchor: Node) -> bool:
    """Whether fewer folds are needed when a window's rows are folded for all columns first: in a pool whose windows
    share columns."""
    op = anchor.op
    return isinstance(op, Pool) and op.window[-1] > op.strides[-1]


def window_tiling(shape: ConvShape, target: Target, *, rows_first: bool) -> Tiling:
    """Tiles of about equal width whose accumulators stay in registers, and spans that are whole planes unless threads
    need more of them.

    Beside the accumulators there is a row of weights; with ``rows_first`` there is one for each column that is read.
    """
    kw, stride = shape.window[1], shape.strides[1]
    if rows_first:
        room = (target.vector_registers - 4 - (kw - 1) * shape.dilations[1]) // stride
    else:
        room = target.vector_registers - min(kw, target.vector_registers // 2) - 2
    pieces = -(-shape.columns // max(FEWEST_COLUMNS, min(room, LARGEST_TILE)))
    planes = shape.images * -(-shape.channels // target.lanes(4))
    spans = min(shape.rows, -(-FEWEST_ITERATIONS // planes))
    return Tiling(-(-shape.columns // pieces), -(-shape.rows // spans))


def divisors(number: int) -> list[int]:
    """All divisors, from the smallest to the largest."""
    return [each for each in range(1, number + 1) if number % each == 0]


def middle_pitch(shape: ConvShape, target: Target) -> int:
    """Elements between pixels of a depthwise result of which all channels of a pixel lie together: not so many that
    neighbours compete for the same lines of the first-level cache."""
    channels = -(-shape.channels // target.lanes(4)) * target.lanes(4)
    return channels + target.lanes(4) * (channels % 256 == 0)


def has_even_blocks(filters: int, block: int, lanes: int) -> bool:
    """Whether blocks of filters, also a last one of fewer, are powers of two of vectors: LLVM takes a vector of three
    registers apart into single lanes."""
    return all(count & (count - 1) == 0 for count in (block // lanes, -(-filters // lanes) % (block // lanes)))


def rows_per_step(shape: ConvShape, target: Target) -> int:
    """Rows of a depthwise result that are computed before a 1x1 convolution reads them: they stay near the first-level
    cache, and the steps can be shared evenly."""
    row_bytes = 4 * shape.columns * middle_pitch(shape, target)
    fitting = [rows for rows in divisors(shape.rows) if rows == 1 or rows * row_bytes <= 2 * target.l1d_bytes]
    return min(fitting, key=lambda rows: (imbalance(shape.images * shape.rows // rows), -rows))


def imbalance(iterations: int) -> float:
    """How much longer ``iterations`` equal ones take on a few threads than they would if work could be split freely."""
    return -(-iterations // FEW_THREADS) * FEW_THREADS / iterations
