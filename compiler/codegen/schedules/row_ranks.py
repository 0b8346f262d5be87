"""The ranks of a row in columns of edges, from its keys."""

from __future__ import annotations

from collections.abc import Iterator

from tvm.ir import Expr

from compiler.codegen.computes.positions import safe_index
from compiler.codegen.schedules.bitsliced_tests import Ranks
from compiler.codegen.tir import Array, KernelBuilder


def column_ranks(
    k: KernelBuilder, column: Array, edges: Array, keys: Array, *, counts_bits: bool
) -> Iterator[tuple[Expr, Expr]]:
    """A loop over the columns of ``bitsliced_forest``: the number of one, and the rank in it, u8, of a row whose keys
    are ``keys i32[1, sources]``. The body of the Python ``for`` runs once."""
    with k.serial(column.shape[0], "column") as number:
        source = safe_index(k, column[number], keys.shape[1])
        key = k.let(keys[0, source], "key")
        yield number, Ranks(k, edges, number, counts_bits=counts_bits).of(key)


def make_ranks(k: KernelBuilder, column: Array, edges: Array, keys: Array, ranks: Array, *, counts_bits: bool) -> None:
    """``ranks u8[columns]`` of a row."""
    for number, rank in column_ranks(k, column, edges, keys, counts_bits=counts_bits):
        ranks[number] = rank
