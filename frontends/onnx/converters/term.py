"""``Term``: a value that can be calculated with, so that a decomposition reads like its formula.

Every operation emits one IR op at the node being converted. Python numbers become scalars of the other
operand's element type. Knows nothing of ONNX attributes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.ir import DType, Op, Shape, Value
from compiler.ir.literal import Array
from compiler.ir.ops import binary, indexing, movement, reduction, unary
from frontends.onnx.context import NodeContext, Unsupported


@dataclass(frozen=True, eq=False)
class Term:
    """A value of the graph under construction, with arithmetic."""

    ctx: NodeContext
    value: Value

    @staticmethod
    def input(ctx: NodeContext, index: int, *, rank: int | None = None, min_rank: int = 0) -> Term:
        """Input number ``index`` of the node.

        Raises Unsupported if it has not ``rank`` axes, or fewer than ``min_rank``: a branch that is never taken for
        the given shapes may hold such a node in a valid model.
        """
        term = Term(ctx, ctx.input(index))
        if term.rank < min_rank or rank not in (None, term.rank):
            expected = f"at least {min_rank}" if rank is None else str(rank)
            raise Unsupported(f"input {index} has {term.rank} axes, expected {expected}")
        return term

    @staticmethod
    def const(ctx: NodeContext, array: Array) -> Term:
        """A constant array."""
        return Term(ctx, ctx.const(np.ascontiguousarray(array).reshape(array.shape)))

    @property
    def shape(self) -> Shape:
        """The logical shape."""
        return self.value.type.shape

    @property
    def rank(self) -> int:
        """Number of axes."""
        return self.value.type.rank

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.value.type.dtype

    def apply(self, op: Op, *others: Term | float) -> Term:
        """``op(self, *others)``; numbers are lifted to scalars of this element type."""
        values = [other.value if isinstance(other, Term) else self.ctx.scalar(other, self.dtype) for other in others]
        return Term(self.ctx, self.ctx.emit(op, self.value, *values))

    def lift(self, number: Term | float) -> Term:
        """``number`` as a term: itself, or a scalar of this element type."""
        return number if isinstance(number, Term) else Term(self.ctx, self.ctx.scalar(number, self.dtype))

    # -- elementwise ------------------------------------------------------------------------------

    def __add__(self, other: Term | float) -> Term:
        return self.apply(binary.Add(), other)

    __radd__ = __add__

    def __sub__(self, other: Term | float) -> Term:
        return self.apply(binary.Sub(), other)

    def __rsub__(self, other: Term | float) -> Term:
        return self.lift(other) - self

    def __mul__(self, other: Term | float) -> Term:
        return self.apply(binary.Mul(), other)

    __rmul__ = __mul__

    def __truediv__(self, other: Term | float) -> Term:
        return self.apply(binary.Div(), other)

    def __rtruediv__(self, other: Term | float) -> Term:
        return self.lift(other) / self

    def __pow__(self, other: Term | float) -> Term:
        return self.apply(binary.Pow(), other)

    def __neg__(self) -> Term:
        return self.apply(unary.Neg())

    def __lt__(self, other: Term | float) -> Term:
        return self.apply(binary.Less(), other)

    def __le__(self, other: Term | float) -> Term:
        return self.apply(binary.LessEqual(), other)

    def __gt__(self, other: Term | float) -> Term:
        return self.lift(other) < self

    def __ge__(self, other: Term | float) -> Term:
        return self.lift(other) <= self

    def equals(self, other: Term | float) -> Term:
        """Elementwise equality (``==`` keeps its Python meaning)."""
        return self.apply(binary.Equal(), other)

    def __and__(self, other: Term) -> Term:
        return self.apply(binary.And(), other)

    def __or__(self, other: Term) -> Term:
        return self.apply(binary.Or(), other)

    def __invert__(self) -> Term:
        return self.apply(unary.Not())

    def maximum(self, other: Term | float) -> Term:
        """The larger of both."""
        return self.apply(binary.Maximum(), other)

    def minimum(self, other: Term | float) -> Term:
        """The smaller of both."""
        return self.apply(binary.Minimum(), other)

    def clip(self, low: Term | float, high: Term | float) -> Term:
        """Limited to [low, high]."""
        return self.maximum(low).minimum(high)

    def select(self, if_true: Term, if_false: Term | float) -> Term:
        """``if_true`` where this bool term holds, else ``if_false``."""
        other = if_true.lift(if_false)
        return Term(self.ctx, self.ctx.emit(binary.Select(), self.value, if_true.value, other.value))

    def exp(self) -> Term:
        """e to the power of this."""
        return self.apply(unary.Exp())

    def log(self) -> Term:
        """Natural logarithm."""
        return self.apply(unary.Log())

    def sqrt(self) -> Term:
        """Square root."""
        return self.apply(unary.Sqrt())

    def abs(self) -> Term:
        """Magnitude."""
        return self.apply(unary.Abs())

    def floor(self) -> Term:
        """Largest integral value not above."""
        return self.apply(unary.Floor())

    def round(self) -> Term:
        """Nearest integral value, ties to even."""
        return self.apply(unary.Round())

    def tanh(self) -> Term:
        """Hyperbolic tangent."""
        return self.apply(unary.Tanh())

    def sigmoid(self) -> Term:
        """1 / (1 + exp(-x))."""
        return self.apply(unary.Sigmoid())

    def cast(self, dtype: DType) -> Term:
        """Converted to an element type."""
        return Term(self.ctx, self.ctx.cast(self.value, dtype))

    # -- reductions: axes may be negative, they stay with size 1 unless ``keep`` is false -----------

    def sum(self, axes: Sequence[int], keep: bool = True) -> Term:
        """Sum over axes."""
        return self.apply(reduction.ReduceSum(self._axes(axes), keep))

    def mean(self, axes: Sequence[int], keep: bool = True) -> Term:
        """Mean over axes."""
        count = math.prod(self.shape[axis] for axis in self._axes(axes))
        return self.sum(axes, keep) * (1.0 / count if count else math.nan)

    def max(self, axes: Sequence[int], keep: bool = True) -> Term:
        """Largest element over axes."""
        return self.apply(reduction.ReduceMax(self._axes(axes), keep))

    def _axes(self, axes: Sequence[int]) -> tuple[int, ...]:
        return tuple(sorted({axis % self.rank for axis in axes}))

    # -- movement ---------------------------------------------------------------------------------

    def reshape(self, *shape: int) -> Term:
        """Another shape of as many elements; one entry may be -1."""
        known = max(1, math.prod(size for size in shape if size >= 0))
        total = self.value.type.elements
        return Term(self.ctx, self.ctx.reshape(self.value, tuple(total // known if s < 0 else s for s in shape)))

    def transpose(self, *permutation: int) -> Term:
        """Axes reordered."""
        return Term(self.ctx, self.ctx.transpose(self.value, permutation))

    def broadcast(self, *shape: int) -> Term:
        """Broadcast to a shape."""
        return Term(self.ctx, self.ctx.broadcast(self.value, shape))

    def slice(self, axis: int, start: int, size: int, step: int = 1) -> Term:
        """``size`` elements along one axis."""
        axis %= self.rank
        if start == 0 and step == 1 and size == self.shape[axis]:
            return self
        starts, sizes, steps = [0] * self.rank, list(self.shape), [1] * self.rank
        starts[axis], sizes[axis], steps[axis] = start, size, step
        return self.apply(movement.Slice(tuple(starts), tuple(sizes), tuple(steps)))

    def flip(self, axis: int) -> Term:
        """One axis reversed."""
        axis %= self.rank
        return self if self.shape[axis] <= 1 else self.slice(axis, self.shape[axis] - 1, self.shape[axis], -1)

    def pad(self, low: Sequence[int], high: Sequence[int], value: float = 0) -> Term:
        """Padded with a number, per axis; negative amounts crop."""
        term = self
        for axis, (lo, hi) in enumerate(zip(low, high, strict=True)):
            if lo < 0 or hi < 0:
                term = term.slice(axis, max(0, -lo), term.shape[axis] + min(0, lo) + min(0, hi))
        low, high = tuple(max(0, lo) for lo in low), tuple(max(0, hi) for hi in high)
        return term.apply(movement.Pad(low, high), value) if any((*low, *high)) else term

    def gather(self, axis: int, indices: Term) -> Term:
        """Taken along an axis at i64 indices."""
        return self.apply(indexing.Gather(axis % self.rank), indices)

    def gather_elements(self, axis: int, indices: Term) -> Term:
        """``result[i] = self[i with i[axis] replaced by indices[i]]``."""
        return self.apply(indexing.GatherElements(axis % self.rank), indices)


def concat(terms: Sequence[Term], axis: int) -> Term:
    """Terms joined along an axis that may be negative."""
    first = terms[0]
    return first if len(terms) == 1 else first.apply(movement.Concat(axis % first.rank), *terms[1:])


def per_channel(term: Term, rank: int) -> Term:
    """A vector [c] as [1, c, 1, ...] of ``rank`` axes, to broadcast over [n, c, *d]."""
    return term.reshape(1, -1, *[1] * (rank - 2))
