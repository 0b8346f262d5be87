"""Tables of bytes in registers, in which 64 bytes are looked up at once.

A permutation goes across a vector of 64 bytes or across two (AVX512_VBMI). Elsewhere a look-up is within lanes of 16
bytes, so that a vector has 16 entries, in each lane the same, and several vectors make a table:

- of 64 bytes (AVX512BW): compares say whose entry is taken;
- of 16 or 32 bytes (SSSE3, AVX2): they have the differences of their entries from those of the vector before, and all
  that begin at or before an index are added;
- of 16 bytes with a look-up that finds zero beyond its entries (NEON): what they find is united.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_, xor

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.forests import LANE, masks_bytes, permutes_bytes
from compiler.codegen.tir import KernelBuilder, intrinsic, literal, select, shuffled
from compiler.targets import Target

VECTOR = 64
"""Bytes that are looked up at once."""

AVX2, SSSE3 = ("llvm.x86.avx2.pshuf.b", 32), ("llvm.x86.ssse3.pshuf.b.128", 16)
"""Shuffles within lanes, and the bytes of their vectors."""

PAIR = 128
"""Entries that one permutation looks up in, of two vectors."""

BYTE = 256
"""Indices that there are."""

SIGNED = 128
"""Indices from here on find zero where a vector is shuffled within lanes."""

LONGEST = SIGNED // LANE
"""Vectors of entries before these indices."""


VectorOf = Callable[[Sequence[int]], Expr]
"""Makes a vector of a table's entries with some numbers."""


class ByteTables(ABC):
    """How tables of ``entries`` bytes are kept and looked up in.

    Indices are below ``entries``. With ``modulo``, a power of two from 64 to 256, they are any, and taken modulo that,
    and those from ``entries`` on find zero."""

    def __init__(self, entries: int, modulo: int | None = None) -> None:
        self.entries, self.modulo = entries, modulo

    @abstractmethod
    def table(self, k: KernelBuilder, vector_of: VectorOf) -> list[Expr]:
        """The vectors of a table. ``vector_of`` is asked for entries, and with ``modulo`` for zeros behind them."""

    @abstractmethod
    def look_up(self, tables: Sequence[Sequence[Expr]], index: Expr) -> list[Expr]:
        """What several tables have at the same index, ``u8[64]``."""

    def _inside(self, index: Expr) -> Expr:
        """An index modulo ``modulo``."""
        if self.modulo is None or self.modulo == BYTE:
            return index
        return index & literal(self.modulo - 1, "uint8", like=index)


def byte_tables(target: Target, entries: int, modulo: int | None = None) -> ByteTables:
    """The target's way. It must have one (``looks_up_bytes``)."""
    if permutes_bytes(target):
        return _Permuted(entries, modulo)
    if masks_bytes(target):
        return _Masked(entries, modulo)
    if target.isa == "aarch64":
        return _United(entries, modulo)
    return _Added(entries, modulo, *(AVX2 if "avx2" in target.features else SSSE3))


class _Permuted(ByteTables):
    """From one vector, from two, or from two pairs. Permutations take an index modulo the entries that they have."""

    def table(self, k: KernelBuilder, vector_of: VectorOf) -> list[Expr]:
        return [k.let(vector_of(order), "table") for order in _orders(self.modulo or self.entries, VECTOR, VECTOR)]

    def look_up(self, tables: Sequence[Sequence[Expr]], index: Expr) -> list[Expr]:
        return [self._find(table, index) for table in tables]

    def _find(self, table: Sequence[Expr], index: Expr) -> Expr:
        if len(table) == 1:
            return intrinsic("llvm.x86.avx512.permvar.qi.512", f"uint8x{VECTOR}", table[0], index)
        pairs = [
            intrinsic("llvm.x86.avx512.vpermi2var.qi.512", f"uint8x{VECTOR}", low, index, high)
            for low, high in zip(table[::2], table[1::2], strict=True)
        ]
        if len(pairs) == 1:
            return pairs[0]
        return select(index < literal(PAIR, "uint8", like=index), pairs[0], pairs[1])


class _Masked(ByteTables):
    """Of vectors of 64 bytes: the last one of those that begin at or before the index."""

    def __init__(self, entries: int, modulo: int | None = None) -> None:
        super().__init__(entries, modulo)
        self.has, self.first = modulo or entries, 0
        if modulo is not None and modulo <= SIGNED:
            # Indices are moved so that those beyond the entries find zero.
            self.has = -(-entries // LANE) * LANE
            self.first = SIGNED - self.has

    def table(self, k: KernelBuilder, vector_of: VectorOf) -> list[Expr]:
        return [k.let(vector_of(order), "table") for order in _orders(self.has, VECTOR, LANE)]

    def look_up(self, tables: Sequence[Sequence[Expr]], index: Expr) -> list[Expr]:
        index = self._inside(index)
        if self.first:
            index = index + literal(self.first, "uint8", like=index)
        within = index if self.has <= SIGNED else index & literal(LANE - 1, "uint8", like=index)
        return [self._find(table, index, within) for table in tables]

    def _find(self, table: Sequence[Expr], index: Expr, within: Expr) -> Expr:
        found, *others = (
            intrinsic("llvm.x86.avx512.pshuf.b.512", f"uint8x{VECTOR}", vector, within) for vector in table
        )
        for number, other in enumerate(others, start=1):
            begin = literal(self.first + number * LANE, "uint8", like=index)
            found = select(index >= begin, other, found)
        return found


class _Added(ByteTables):
    """Of vectors of 16 or 32 bytes: the sum, without carries, of those that begin at or before the index.

    A shuffle finds zero where the index has its highest bit set. So an index minus the number of a vector's first entry
    finds zero in those that begin behind it, as long as there are no more than 128 entries; of more, there are two
    tables."""

    def __init__(self, entries: int, modulo: int | None, shuffle: str, width: int) -> None:
        super().__init__(entries, modulo)
        self.shuffle, self.width = shuffle, width
        self.has, self.last = entries, None
        if modulo is not None and entries < modulo:
            # Indices beyond the entries become that of a zero behind them.
            self.has, self.last = -(-(entries + 1) // LANE) * LANE, entries

    def table(self, k: KernelBuilder, vector_of: VectorOf) -> list[Expr]:
        vectors = [k.let(vector_of(order), "entries") for order in _orders(self.has, self.width, LANE)]
        return [
            vector if number % LONGEST == 0 else k.let(vector ^ vectors[number - 1], "table")
            for number, vector in enumerate(vectors)
        ]

    def look_up(self, tables: Sequence[Sequence[Expr]], index: Expr) -> list[Expr]:
        index = self._inside(index)
        if self.last is not None:
            index = tirx.Min(index, literal(self.last, "uint8", like=index))
        return [_in_parts(index, self.width, lambda part, table=table: self._find(table, part)) for table in tables]

    def _find(self, table: Sequence[Expr], index: Expr) -> Expr:
        if len(table) <= LONGEST:
            return self._sum(table, index)
        upper = literal(SIGNED, "uint8", like=index)
        return select(index >= upper, self._sum(table[LONGEST:], index ^ upper), self._sum(table[:LONGEST], index))

    def _sum(self, vectors: Sequence[Expr], index: Expr) -> Expr:
        places = (index - literal(number * LANE, "uint8", like=index) for number in range(len(vectors)))
        found = (
            intrinsic(self.shuffle, f"uint8x{self.width}", vector, place)
            for vector, place in zip(vectors, places, strict=True)
        )
        return reduce(xor, found)


class _United(ByteTables):
    """Of vectors of 16 bytes in twos: a look-up finds zero for an index of 32 or more."""

    def table(self, k: KernelBuilder, vector_of: VectorOf) -> list[Expr]:
        has = self.entries if self.modulo is None else -(-self.entries // LANE) * LANE
        return [k.let(vector_of(order), "table") for order in _orders(has, LANE, LANE)]

    def look_up(self, tables: Sequence[Sequence[Expr]], index: Expr) -> list[Expr]:
        index = self._inside(index)
        return [_in_parts(index, LANE, lambda part, table=table: self._find(table, part)) for table in tables]

    def _find(self, table: Sequence[Expr], index: Expr) -> Expr:
        found: list[Expr] = []
        for first in range(0, len(table), 2):
            vectors = table[first : first + 2]
            place = index - literal(first * LANE, "uint8", like=index)
            found.append(intrinsic(f"llvm.aarch64.neon.tbl{len(vectors)}", f"uint8x{LANE}", *vectors, place))
        return reduce(or_, found)


def _in_parts(index: Expr, width: int, find: Callable[[Expr], Expr]) -> Expr:
    """What 64 bytes find, so many of them at once."""
    parts = [shuffled([index], range(start, start + width)) for start in range(0, VECTOR, width)]
    return shuffled([find(part) for part in parts], range(VECTOR))


def _orders(entries: int, vector: int, distinct: int) -> list[list[int]]:
    """The entries that each vector of a table has, of which so many are distinct; one that does not exist is in the
    place of another."""
    return [
        [min(start + number, entries - 1) for number in range(distinct)] * (vector // distinct)
        for start in range(0, entries, distinct)
    ]
