"""The register tile of matrix products: the sums of a few rows times the lanes of a few vectors, kept in registers.

Owns the innermost loop and the rule for the number of rows. Knows nothing of where operands lie.
"""

from __future__ import annotations

from collections.abc import Callable

from tvm.ir import Expr

from compiler.codegen.analytic.cache_sets import lines_of_a_set
from compiler.codegen.computes.interface import Index
from compiler.codegen.computes.positions import affine
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes, literal, repeated
from compiler.ir import DType
from compiler.targets import Target

K_STEP = 4
"""Steps along k that are written out in the innermost loop, unless said otherwise."""


def most_rows(vectors: int, target: Target) -> int:
    """Rows of ``vectors`` vectors whose sums fit in registers, beside a row of columns and one element; where elements
    are taken out of registers, beside a vector of them per row and two rows of columns, of which one is being loaded.
    """
    if target.multiplies_by_element:
        return max(1, (target.vector_registers - 2 * vectors - 1) // (vectors + 1))
    return max(1, (target.vector_registers - vectors - 1) // vectors)


def balanced_rows(rows: int, vectors: int, target: Target, stride_bytes: int = 0) -> int:
    """Rows per tile that cover ``rows`` in the fewest cycles: a tile of few rows waits for its own sums. Of rows that
    lie ``stride_bytes`` apart (0: unknown) no more than the first-level cache can hold at once, if that is half a tile.
    """
    most = min(most_rows(vectors, target), rows)
    fewest = -(-int(target.fma_latency * target.fma_ports) // vectors)

    def cycles(tile: int) -> int:
        full, rest = divmod(rows, tile)
        return full * max(tile, fewest) + (max(rest, fewest) if rest else 0)

    heights = list(range(most, (most + 1) // 2, -1)) or [most]
    held = [tile for tile in heights if lines_of_a_set(tile, stride_bytes, target) <= target.l1d_ways]
    return min(held or heights, key=cycles)


def multiply_tile(
    builder: KernelBuilder,
    shape: tuple[int, int, int],
    element: Callable[[int, Index], Expr],
    columns: Callable[[Index], Expr],
    before_step: Callable[[Expr], None] | None = None,
    *,
    by_element: bool = False,
    steps_together: int = K_STEP,
) -> list[Array]:
    """``sum over k of element(row, k) * columns(k)`` for each row of the tile, as registers of ``width`` lanes.

    ``shape`` is (rows, width, depth of k). ``before_step`` emits something at the head of each step of the loop, with
    the step's number, of which there are ``depth // steps_together``: so many k are written out in it. ``by_element``
    loads the elements of a step as a vector for each row: ``element`` is then asked for ``lanes`` of k.
    """
    rows, width, depth = shape
    every = lanes(builder.index(0), width)
    sums = [builder.registers(f"sum{row}", DType.F32, (width,)) for row in range(rows)]
    for total in sums:
        total[every] = broadcast(literal(0, "float32"), width)

    def multiply(k: Index, wide: Callable[[int], Expr]) -> None:
        vector = builder.let(columns(k), "columns")
        for row, total in enumerate(sums):
            total[every] = total[every] + wide(row) * vector

    if steps := depth // steps_together:
        with builder.serial(steps, "k") as step:
            if before_step is not None:
                before_step(step)
            first = affine(step, steps_together, 0)
            own = lanes(first, steps_together)
            along = [builder.let(element(row, own), "elements") for row in range(rows * by_element)]
            for number in range(steps_together):
                k = affine(step, steps_together, number)
                if by_element:
                    multiply(k, lambda row, number=number: repeated(along[row], number, width))
                else:
                    multiply(k, lambda row, k=k: broadcast(element(row, k), width))
    for k in range(steps * steps_together, depth):
        multiply(k, lambda row, k=k: broadcast(element(row, k), width))
    return sums


def power_of_two_pieces(extent: int) -> list[tuple[int, int]]:
    """``extent`` lanes as (start, width) of falling powers of two."""
    pieces: list[tuple[int, int]] = []
    start = 0
    while start < extent:
        width = 1 << ((extent - start).bit_length() - 1)
        pieces.append((start, width))
        start += width
    return pieces
