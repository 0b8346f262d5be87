"""numpy's multidirectional broadcasting of shapes, which all binary ops use."""

from __future__ import annotations

from compiler.ir.op import InferenceError
from compiler.ir.types import Shape


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape; raises InferenceError if two sizes of one axis differ and neither is 1."""
    rank = max((len(shape) for shape in shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size != 1 and result[axis] not in (1, size):
                raise InferenceError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
            result[axis] = result[axis] if size == 1 else size
    return tuple(result)


def normalize_axis(axis: int, rank: int) -> int:
    """An axis in [0, rank) from one in [-rank, rank); raises InferenceError outside."""
    if not -rank <= axis < rank:
        raise InferenceError(f"axis {axis} is out of range for rank {rank}")
    return axis % rank
