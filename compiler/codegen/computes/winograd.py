"""The kernel of a ``winograd_conv`` on its own, tile by tile and filter by filter: for any layout-less use of the op.

``schedules.winograd`` is the fast one; both take their transforms from ``filtering``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.filtering import product
from compiler.codegen.computes.interface import Compute, Whole
from compiler.codegen.computes.positions import unflatten
from compiler.codegen.tir import Array, KernelBuilder, literal
from compiler.ir import DType, Op
from compiler.ir.cook_toom import Matrix, filtering
from compiler.ir.ops.winograd import WinogradConv


def _emit(k: KernelBuilder, op: Op, operands: Sequence[Array], results: Sequence[Array], scratch: Array | None) -> None:
    conv, (x, u), (y,) = as_type(WinogradConv, op), operands, results
    matrices, step = filtering(conv.outputs), conv.outputs
    images, filters, rows, columns = y.shape
    grid = (images, filters, -(-rows // step), -(-columns // step))
    with k.parallel(math.prod(grid)) as index:
        image, number, *tile = unflatten(index, grid)
        corner = [k.let(_index(k, i), "tile") * step for i in tile]
        points = matrices.size**2
        sums = k.registers("sums", DType.F32, (points,))
        patch = k.registers("patch", DType.F32, (matrices.size, matrices.size))
        with k.serial(points, "point") as point:
            sums[point] = literal(0, "float32")
            patch.reshape((points,))[point] = literal(0, "float32")
        with k.serial(u.shape[2], "channel") as channel:
            top, left = (start - low for start, low in zip(corner, conv.low, strict=True))
            with k.serial(points, "point") as point:
                row, column = (k.let(i, "pixel") for i in (top + point // matrices.size, left + point % matrices.size))
                with k.if_(_inside(k, (row, column), x.shape[2:])):
                    patch.reshape((points,))[point] = x[image, channel, row, column]
            for point, value in enumerate(_both_ways(k, matrices.input, patch)):
                sums[point] = sums[point] + value * u[point, number, channel]
        pixels = _both_ways(k, matrices.output, sums.reshape((matrices.size, matrices.size)))
        for pixel, value in enumerate(pixels):
            place = tuple(start + offset for start, offset in zip(corner, divmod(pixel, step), strict=True))
            with k.if_(_inside(k, place, (rows, columns))):
                y[(image, number, *place)] = value


def _both_ways(k: KernelBuilder, matrix: Matrix, tile: Array) -> list[Expr]:
    """``matrix @ tile @ matrix.T``, row by row."""
    size = tile.shape[0]
    columns = [product(k, matrix, [k.let(tile[row, column], "x") for row in range(size)]) for column in range(size)]
    return [value for row in zip(*columns, strict=True) for value in product(k, matrix, row)]


def _inside(k: KernelBuilder, place: Sequence[Expr], extents: Sequence[int]) -> Expr:
    limits = [
        condition
        for index, extent in zip(place, extents, strict=True)
        for condition in (tirx.GE(index, k.index(0)), tirx.LT(index, k.index(extent)))
    ]
    return tirx.all(*limits)


def _index(k: KernelBuilder, index: Expr | int) -> Expr:
    return k.index(index) if isinstance(index, int) else index


ROWS: dict[type[Op], Compute] = {WinogradConv: Whole(_emit)}
