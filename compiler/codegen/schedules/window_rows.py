"""The rows of a window op: which taps of a row of results lie inside the image, and spans of rows that end with it."""

from __future__ import annotations

from tvm import tirx

from compiler.codegen.analytic.convolution import ConvShape
from compiler.codegen.computes.interface import Index
from compiler.codegen.computes.positions import affine
from compiler.codegen.tir import KernelBuilder


def row_taps(k: KernelBuilder, shape: ConvShape, row: Index) -> tuple[Index, Index]:
    """The first row of the window that lies inside the image, and how many do."""
    taps, dilation = shape.window[0], shape.dilations[0]
    padded_high = (shape.rows - 1) * shape.strides[0] - shape.low[0] + (taps - 1) * dilation >= shape.height
    if shape.low[0] <= 0 and not padded_high:
        return 0, taps
    top = affine(row, shape.strides[0], -shape.low[0])
    if isinstance(top, int):
        valid = [tap for tap in range(taps) if 0 <= top + tap * dilation < shape.height]
        return (valid[0], len(valid)) if valid else (0, 0)
    zero, all_taps = k.index(0), k.index(taps)
    first = k.let(tirx.Max(zero, tirx.truncdiv((dilation - 1) - top, k.index(dilation))), "first_tap")
    end = k.let(tirx.Min(all_taps, tirx.truncdiv((shape.height - 1 + dilation) - top, k.index(dilation))), "end_tap")
    return first, k.let(tirx.Max(zero, end - first), "taps")


def limited(k: KernelBuilder, step: int, extent: int, first: Index) -> Index:
    """How many of ``step`` positions from ``first`` on are below ``extent``."""
    if extent % step == 0:
        return step
    if isinstance(first, int):
        return min(step, extent - first)
    return tirx.Min(k.index(step), k.index(extent) - first)
