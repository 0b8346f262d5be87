"""Moving lanes between vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir.expr import Binder, lane_count


def interleaved(vectors: Sequence[Expr]) -> Expr:
    """Element 0 of each of the vectors, which have equal lanes, then element 1 of each, and so on."""
    count = lane_count(vectors[0])
    if len(vectors) == 1:
        return vectors[0]
    return shuffled(vectors, (lane + which * count for lane in range(count) for which in range(len(vectors))))


def transposed(k: Binder, columns: Sequence[Expr]) -> list[Expr]:
    """The rows of a matrix that is given by its columns: one vector per lane of a column.

    There are 2**n columns, not more than they have lanes, which are a power of two as well. Each of the n steps riffles
    the elements of all vectors like a deck of cards, which rotates the bits of their numbers by one.
    """
    count, width = lane_count(columns[0]), len(columns)
    vectors, half = list(columns), len(columns) // 2
    for _ in range(width.bit_length() - 1):
        pairs = list(zip(vectors[:half], vectors[half:], strict=True))
        vectors = [k.let(value, "riffled") for pair in pairs for value in _riffled(pair, count)]
    rows_each = count // width
    return [
        k.let(shuffled((vector,), range(row * width, (row + 1) * width)), "row") if rows_each > 1 else vector
        for vector in vectors
        for row in range(rows_each)
    ]


def _riffled(pair: tuple[Expr, Expr], count: int) -> tuple[Expr, Expr]:
    """The two vectors that two vectors of ``count`` lanes are when they are interleaved."""
    low, high = (
        [lane + side for lane in range(start, start + count // 2) for side in (0, count)] for start in (0, count // 2)
    )
    return shuffled(pair, low), shuffled(pair, high)


def every(vector: Expr, stride: int) -> Expr:
    """Lanes 0, stride, 2 * stride, … of a vector: with a contiguous load, a strided load in a few shuffles."""
    return shuffled((vector,), range(0, lane_count(vector), stride))


def repeated(vector: Expr, number: int, count: int) -> Expr:
    """Element ``number`` of a vector in ``count`` lanes, which multiplications by an element take as it is."""
    copies = -(-count // lane_count(vector))  # a shuffle has no more lanes than it takes
    return shuffled([vector] * copies, [number] * count)


def doubled(vector: Expr) -> Expr:
    """A vector twice, one after the other."""
    return shuffled((vector, vector), range(2 * lane_count(vector)))


def shuffled(vectors: Sequence[Expr], order: Iterable[int]) -> Expr:
    """The elements with these numbers of all vectors, one after the other."""
    return tirx.Shuffle(list(vectors), [tirx.IntImm("int32", number) for number in order])
