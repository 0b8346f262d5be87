"""Tables of bytes in registers, in which 64 bytes are looked up at once.

Where permutations go across a vector (AVX512_VBMI), one looks up in 64 or 128 entries. Elsewhere a vector of 64 bytes
is shuffled within its four lanes of 16 bytes (AVX512BW). Then a vector has 16 entries, in each lane the same, and of
several vectors compares say which one has the entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm.ir import Expr

from compiler.codegen.analytic.forests import LANE, permutes_bytes
from compiler.codegen.tir import intrinsic, literal, select
from compiler.targets import Target

VECTOR = 64
"""Bytes of the vectors that look up."""

PAIR = 128
"""Entries that one permutation looks up in, of two vectors."""

SIGNED = 128
"""Indices from here on find zero in lanes."""


class ByteTables:
    """How tables of so many entries are kept and looked up in. Indices are below ``entries``; where a table has no more
    than ``SIGNED`` of them in lanes, and in no other case, the indices from ``SIGNED`` on find zero.

    ``first`` is the index of the first entry, a multiple of 16.
    """

    def __init__(self, target: Target, entries: int, first: int = 0) -> None:
        self.permutes = permutes_bytes(target)
        self.entries, self.first = entries, first

    def orders(self) -> list[list[int]]:
        """The entries that each vector of a table has, 64 numbers; an entry that does not exist has that of another."""
        if self.permutes:
            starts, repeats = range(0, self.entries, VECTOR), 1
        else:
            starts, repeats = range(0, self.entries, LANE), VECTOR // LANE
        size = VECTOR // repeats
        return [[min(start + n, self.entries - 1) for n in range(size)] * repeats for start in starts]

    def look_up(self, tables: Sequence[Sequence[Expr]], index: Expr) -> list[Expr]:
        """What several tables have at the same index, ``u8[64]``."""
        find = _permuted if self.permutes else self._shuffled
        return [find(table, index) for table in tables]

    def _shuffled(self, table: Sequence[Expr], index: Expr) -> Expr:
        within = index
        if len(table) * LANE > SIGNED:
            within = index & literal(LANE - 1, "uint8", like=index)
        found, *others = (
            intrinsic("llvm.x86.avx512.pshuf.b.512", f"uint8x{VECTOR}", vector, within) for vector in table
        )
        for number, other in enumerate(others, start=1):
            begin = literal(self.first + number * LANE, "uint8", like=index)
            found = select(index >= begin, other, found)
        return found


def _permuted(table: Sequence[Expr], index: Expr) -> Expr:
    """From one vector, from two, or from two pairs."""
    if len(table) == 1:
        return intrinsic("llvm.x86.avx512.permvar.qi.512", f"uint8x{VECTOR}", table[0], index)
    pairs = [
        intrinsic("llvm.x86.avx512.vpermi2var.qi.512", f"uint8x{VECTOR}", low, index, high)
        for low, high in zip(table[::2], table[1::2], strict=True)
    ]
    if len(pairs) == 1:
        return pairs[0]
    return select(index < literal(PAIR, "uint8", like=index), pairs[0], pairs[1])
