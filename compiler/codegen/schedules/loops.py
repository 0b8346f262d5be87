"""Loop skeletons that templates share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.positions import unflatten
from compiler.codegen.tir import Index, KernelBuilder
from compiler.ir import Shape

CHUNK_ELEMENTS = 4096
"""Elements of the innermost axis per iteration of the parallel loop: enough to pay for a thread's turn."""


@contextmanager
def outer_loop(
    builder: KernelBuilder, shape: Shape, width: int
) -> Iterator[tuple[tuple[Index, ...], Iterator[tuple[Index, int]]]]:
    """The parallel loop over all axes but the last, and over chunks of the last.

    Yields the position on the outer axes and an iterator of ``(offset, lanes)`` strips on the last one, whose body
    runs once per emitted loop (see ``KernelBuilder.strips``).
    """
    *outer, inner = shape or (1,)
    rows = math.prod(outer)
    chunk = max(width, CHUNK_ELEMENTS // width * width)
    chunks = max(1, -(-inner // chunk))
    with builder.parallel(max(rows * chunks, 1)) as index:
        row = index // chunks if chunks > 1 else index
        position = unflatten(row, outer)
        if chunks == 1:
            yield position, builder.strips(inner, width)
        else:
            yield position, _chunk_strips(builder, index % chunks if rows > 1 else index, chunk, inner, width)


def _chunk_strips(
    builder: KernelBuilder, number: Expr, chunk: int, inner: int, width: int
) -> Iterator[tuple[Index, int]]:
    """Strips of chunk ``number``; the remainder of the axis belongs to the last chunk."""
    strips_per_chunk, all_strips = chunk // width, inner // width
    first = builder.let(number * strips_per_chunk, "strip")
    count = tirx.Min(builder.index(strips_per_chunk), builder.index(all_strips) - first)
    with builder.serial(count, start=first) as strip:
        yield strip * width, width
    if inner % width:
        with builder.if_(tirx.EQ(number, builder.index(-(-inner // chunk) - 1))):
            for offset, lanes_ in builder.strips(inner % width, width):
                yield all_strips * width + offset, lanes_


@contextmanager
def parallel_rows(builder: KernelBuilder, shape: Shape) -> Iterator[tuple[Index, ...]]:
    """The parallel loop over all positions of ``shape``, one at a time."""
    with builder.parallel(math.prod(shape)) as index:
        yield unflatten(index, shape)
