"""Matrix products."""

from __future__ import annotations

from compiler.ir import DType, Value
from compiler.ir.ops.contraction import MatMul
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.term import Term


def matmul(a: Term, b: Term) -> Term:
    """numpy.matmul: a vector on the left is a row, on the right a column; its axis is dropped afterwards."""
    rows = a if a.rank > 1 else a.reshape(1, -1)
    columns = b if b.rank > 1 else b.reshape(-1, 1)
    product = rows.apply(MatMul(), columns)
    shape = list(product.shape)
    if b.rank == 1:
        del shape[-1]
    if a.rank == 1:
        del shape[-1 if b.rank == 1 else -2]
    return product.reshape(*shape)


def _matmul(ctx: NodeContext) -> Value:
    return matmul(Term.input(ctx, 0, min_rank=1), Term.input(ctx, 1, min_rank=1)).value


def _matmul_integer(ctx: NodeContext) -> Value:
    """int32 product of what remains when the zero points are subtracted."""
    a, b = Term.input(ctx, 0).cast(DType.I32), Term.input(ctx, 1).cast(DType.I32)
    if ctx.has(2):
        a = a - per_row(Term.input(ctx, 2).cast(DType.I32))
    if ctx.has(3):
        b = b - per_column(Term.input(ctx, 3).cast(DType.I32))
    return matmul(a, b).value


def per_row(parameter: Term) -> Term:
    """A parameter of a left matrix, one number or one per row, to broadcast over [.., m, k]."""
    if parameter.rank > 1:
        return parameter
    return parameter.reshape(-1, 1) if parameter.value.type.elements > 1 else parameter.reshape()


def per_column(parameter: Term) -> Term:
    """A parameter of a right matrix, one number or one per column, to broadcast over [.., k, n]."""
    return parameter if parameter.value.type.elements > 1 else parameter.reshape()


def _gemm(ctx: NodeContext) -> Value:
    a, b = Term.input(ctx, 0, rank=2), Term.input(ctx, 1, rank=2)
    if ctx.int("transA", 0):
        a = a.transpose(1, 0)
    result = a.apply(MatMul(transpose_b=bool(ctx.int("transB", 0))), b)
    if (alpha := ctx.float("alpha", 1.0)) != 1:
        result = result * alpha
    beta = ctx.float("beta", 1.0)
    if not ctx.has(2) or beta == 0:
        return result.value
    c = Term.input(ctx, 2)
    return (result + (c if beta == 1 else c * beta)).value


MAX_DETERMINANT = 4


def _determinant(ctx: NodeContext) -> Value:
    """By expansion along the first rows: fine for the 2x2 to 4x4 matrices of geometry, refused beyond."""
    x = Term.input(ctx, 0, min_rank=2)
    size = x.shape[-1]
    if not 1 <= size <= MAX_DETERMINANT:
        raise Unsupported(
            f"a determinant of {size} x {size}; at most {MAX_DETERMINANT} x {MAX_DETERMINANT} is implemented"
        )
    return _expand(x, list(range(size))).reshape(*x.shape[:-2]).value


def _expand(x: Term, columns: list[int]) -> Term:
    """The determinant [.., 1, 1] of ``columns`` and as many last rows of [.., n, n]."""
    row = x.slice(-2, x.shape[-2] - len(columns), 1)
    total: Term | None = None
    for position, column in enumerate(columns):
        part = row.slice(-1, column, 1)
        if len(columns) > 1:
            part = part * _expand(x, columns[:position] + columns[position + 1 :])
        total = part if total is None else total - part if position % 2 else total + part
    assert total is not None
    return total


CONVERTERS: dict[str, Converter] = {
    "Det": _determinant,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul_integer,
}
