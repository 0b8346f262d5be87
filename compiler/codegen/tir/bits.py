"""Bits as data: a bit for each of many rows in a vector, and the way between such planes and bytes."""

from __future__ import annotations

from collections.abc import Sequence

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir.expr import Binder, lane_count, literal


def either(condition: Expr, if_set: Expr, if_clear: Expr) -> Expr:
    """Bit by bit, a bit of ``if_set`` where that of ``condition`` is set, else one of ``if_clear``."""
    return (condition & if_set) | (~condition & if_clear)


def bits_of(condition: Expr) -> Expr:
    """An unsigned integer of as many bits as a condition has lanes (8, 16, 32 or 64): lane 0 is its lowest bit.

    Every instruction set has its own way from a compare to such bits, which LLVM finds behind this.
    """
    count = lane_count(condition)
    # A boolean takes a byte in TIR, and a bit in LLVM; an integer of one bit takes one in both.
    return tirx.reinterpret(f"uint{count}", tirx.Cast(f"uint1x{count}", condition))


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
