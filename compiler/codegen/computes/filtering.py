"""Products of values with the small constant matrices of minimal filtering (``compiler.ir.cook_toom``)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tvm.ir import Expr

from compiler.codegen.tir import Binder, literal
from compiler.ir.cook_toom import Matrix

Term = tuple[Fraction, Expr]


def product(k: Binder, matrix: Matrix, values: Sequence[Expr]) -> list[Expr]:
    """``matrix @ values``. Neighbouring columns that differ in the signs of odd rows, and neighbouring rows that differ
    in those of odd columns, as points of both signs give them, share their sums."""
    columns, values = _merged_columns(k, tuple(zip(*matrix, strict=True)), values)
    rows = tuple(zip(*columns, strict=True))
    results: list[Expr] = []
    while len(results) < len(rows):
        row = rows[len(results)]
        following = rows[len(results) + 1] if len(results) + 1 < len(rows) else ()
        terms = list(zip(row, values, strict=True))
        if any(row[1::2]) and any(row[::2]) and _mirrored(row, following):
            even = k.let(_sum(terms[::2]), "even")
            odd = k.let(_sum(terms[1::2]), "odd")
            results += [k.let(even + odd, "product"), k.let(even - odd, "product")]
        else:
            results.append(k.let(_sum(terms), "product"))
    return results


def _merged_columns(k: Binder, columns: Matrix, values: Sequence[Expr]) -> tuple[Matrix, list[Expr]]:
    """Each mirrored pair of columns as one over the sum of the pair's values and one over their difference."""
    merged: list[tuple[Fraction, ...]] = []
    combined: list[Expr] = []
    number = 0
    while number < len(columns):
        column, value = columns[number], values[number]
        following = columns[number + 1] if number + 1 < len(columns) else ()
        if any(column) and _mirrored(column, following):
            other = values[number + 1]
            combined += [k.let(value + other, "sum"), k.let(value - other, "difference")]
            merged.append(tuple(c * (1 - row % 2) for row, c in enumerate(column)))
            merged.append(tuple(c * (row % 2) for row, c in enumerate(column)))
            number += 2
            continue
        combined.append(value)
        merged.append(column)
        number += 1
    return tuple(merged), combined


def _mirrored(left: Sequence[Fraction], right: Sequence[Fraction]) -> bool:
    return len(left) == len(right) and all(
        b == (-a if i % 2 else a) for i, (a, b) in enumerate(zip(left, right, strict=True))
    )


def _sum(terms: Sequence[Term]) -> Expr:
    """The sum of coefficient times value, beginning with a value that needs no product."""
    wanted = sorted((term for term in terms if term[0]), key=lambda term: (term[0] != 1, abs(term[0]) == 1))
    total: Expr | None = None
    for coefficient, value in wanted:
        if total is None:
            total = value if coefficient == 1 else value * _constant(coefficient, value)
        elif abs(coefficient) == 1:
            total = total + value if coefficient == 1 else total - value
        else:
            total = total + value * _constant(coefficient, value)
    assert total is not None, "no row of such a matrix is zero"
    return total


def _constant(coefficient: Fraction, like: Expr) -> Expr:
    return literal(float(coefficient), "float32", like=like)
