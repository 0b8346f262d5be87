"""Bits as data: a bit for each of many rows in a vector, and the way between such planes and bytes."""

from __future__ import annotations

from collections.abc import Sequence

from tvm.ir import Expr

from compiler.codegen.tir.expr import Binder, literal


def either(condition: Expr, if_set: Expr, if_clear: Expr) -> Expr:
    """Bit by bit, a bit of ``if_set`` where that of ``condition`` is set, else one of ``if_clear``."""
    return (condition & if_set) | (~condition & if_clear)


def exchanged(k: Binder, vectors: Sequence[Expr]) -> list[Expr]:
    """Eight vectors of uint64 lanes with the roles of a vector's number and of a bit's number in its byte exchanged.

    Bit i of byte b of vector v becomes bit v of byte b of vector i: bytes become planes of their bits, and back. It is
    the transposition of 8x8 bit matrices in three steps (H. Warren, Hacker's Delight, 7-3), all of them at once.
    """
    result = list(vectors)
    for distance, pattern in ((1, 0x55), (2, 0x33), (4, 0x0F)):
        mask = literal(int.from_bytes(bytes([pattern] * 8), "little"), "uint64", like=result[0])
        shift = literal(distance, "uint64", like=result[0])
        for first in (number for number in range(8) if not number & distance):
            low, high = result[first], result[first + distance]
            moved = k.let(((low >> shift) ^ high) & mask, "moved")
            result[first] = k.let(low ^ (moved << shift), "plane")
            result[first + distance] = k.let(high ^ moved, "plane")
    return result
