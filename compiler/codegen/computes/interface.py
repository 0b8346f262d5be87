"""What a row of the computes table says about an op: how one element of its result is computed.

A row is one of five kinds. The first three are expressions that any template can inline as a prologue or an
epilogue; the last two are whole kernels.

* ``Pointwise``: a function of the operands' elements at the same (broadcast) position.
* ``IndexMap``: a function that reads operand elements at positions derived from the result's.
* ``Reduction``: accumulators that a step updates over a reduction domain.
* ``Whole``: statements for ops that are neither (scans, sorts, scatters).
* ``Templated``: nothing; the op is one algorithm, and a schedule template of its own has it.

Values inside kernels have the arithmetic type of their element type (``tir.dtypes``). Positions may have a vector in
their last place: then everything is computed for all lanes at once. Every read must be inside the operand even
where its value is not used afterwards, because readers may hoist it: clamp positions, do not branch. The ``Binder``
that every function gets as ``k`` binds intermediate expressions to variables (``k.let(value, name)``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tvm.ir import Expr

from compiler.codegen.tir import Array, Binder, KernelBuilder
from compiler.ir import Op, TensorType

Index = Expr | int
Position = tuple[Index, ...]


@dataclass(frozen=True)
class Operand:
    """A readable operand: ``at(position)`` is its element there, in the arithmetic type of ``type.dtype``."""

    type: TensorType
    at: Callable[[Position], Expr]


@dataclass(frozen=True)
class Pointwise:
    """``function(k, op, *elements) -> element``; elements have equal lanes and the result's arithmetic type comes out.

    ``scalar_only(op, operand_dtypes)`` says whether it must be given scalars (a libm call inside).
    """

    function: Callable[..., Expr]
    scalar_only: Callable[[Op, Sequence[TensorType]], bool] = lambda op, types: False


@dataclass(frozen=True)
class IndexMap:
    """``element(k, op, operands, result_type, position) -> element``.

    ``vector(op, operand_types)`` says whether the last index may be a vector.
    """

    element: Callable[[Binder, Op, Sequence[Operand], TensorType, Position], Expr]
    vector: Callable[[Op, Sequence[TensorType]], bool] = lambda op, types: True


@dataclass(frozen=True)
class Reduction:
    """A fold over a domain of reduction positions, for each result position.

    ``domain(op, operand_types)``: extents of the reduction loops, outermost first.
    ``start(op, operand_types)``: initial accumulators, scalars.
    ``step(k, op, operands, result_position, domain_position, accumulators) -> accumulators``.
    ``combine(k, op, accumulators, accumulators) -> accumulators`` merges two partial folds; None if order matters.
    ``finish(k, op, operand_types, accumulators) -> element``.
    ``lane_axis(op, operand_types)``: "result" if the result's last position may be a vector, "domain" if the innermost
    reduction position may be one (only with ``combine``); the choice that reads memory contiguously.
    """

    domain: Callable[[Op, Sequence[TensorType]], tuple[int, ...]]
    start: Callable[[Op, Sequence[TensorType]], tuple[Expr, ...]]
    step: Callable[[Binder, Op, Sequence[Operand], Position, Position, tuple[Expr, ...]], tuple[Expr, ...]]
    finish: Callable[[Binder, Op, Sequence[TensorType], tuple[Expr, ...]], Expr]
    combine: Callable[[Binder, Op, tuple[Expr, ...], tuple[Expr, ...]], tuple[Expr, ...]] | None
    lane_axis: Callable[[Op, Sequence[TensorType]], str]


@dataclass(frozen=True)
class Whole:
    """A kernel of its own: ``emit(builder, op, operands, results, scratch)`` with row-major arrays.

    ``emit`` opens the builder's parallel loop itself. ``scratch_bytes(op, operand_types)`` is what one worker needs to
    itself; ``scratch`` is a byte array of that size, or None.
    """

    emit: Callable[[KernelBuilder, Op, Sequence[Array], Sequence[Array], Array | None], None]
    scratch_bytes: Callable[[Op, Sequence[TensorType]], int] = lambda op, types: 0


@dataclass(frozen=True)
class Templated:
    """Computed by the schedule template of that name only, which has knobs and knows the target."""

    template: str


Compute = Pointwise | IndexMap | Reduction | Whole | Templated
