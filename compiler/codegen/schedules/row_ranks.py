"""The ranks of a row in columns of edges, from its keys."""

from __future__ import annotations

from compiler.codegen.schedules.bitsliced_tests import Ranks, safe_index
from compiler.codegen.tir import Array, KernelBuilder


def make_ranks(k: KernelBuilder, column: Array, edges: Array, keys: Array, ranks: Array, *, counts_bits: bool) -> None:
    """``ranks u8`` of a row, whose keys are ``keys i32[1, sources]``, in the columns of ``bitsliced_forest``."""
    with k.serial(column.shape[0], "column") as number:
        source = safe_index(k, column[number], keys.shape[1])
        key = k.let(keys[0, source], "key")
        ranks[number] = Ranks(k, edges, number, counts_bits=counts_bits).of(key)
