"""Moving lanes between vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir.expr import lane_count


def interleaved(vectors: Sequence[Expr]) -> Expr:
    """Element 0 of each of the vectors, which have equal lanes, then element 1 of each, and so on."""
    count = lane_count(vectors[0])
    if len(vectors) == 1:
        return vectors[0]
    return _shuffled(vectors, (lane + which * count for lane in range(count) for which in range(len(vectors))))


def every(vector: Expr, stride: int) -> Expr:
    """Lanes 0, stride, 2 * stride, … of a vector: with a contiguous load, a strided load in a few shuffles."""
    return _shuffled((vector,), range(0, lane_count(vector), stride))


def _shuffled(vectors: Sequence[Expr], order: Iterable[int]) -> Expr:
    """The elements with these numbers of all vectors, one after the other."""
    return tirx.Shuffle(list(vectors), [tirx.IntImm("int32", number) for number in order])
