"""Sums over channels in several passes: between them the sums of all tiles of an iteration lie in scratch.

A pass takes an equal part of the channels through all tiles of an iteration, so that the weights which tile after tile
reads are few enough for the first-level cache, and activations are read as few streams as the part has blocks::

    for pass in passes:
        for tile in iteration:
            acc = 0 if pass is the first one, else scratch[tile]
            acc += the products of the pass's channels
            if pass is the last one: y[tile] = epilogue(acc), else: scratch[tile] = acc

The order of additions is that of a single pass, so results are the same to the bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tvm import tirx

from compiler.codegen.computes.interface import Index
from compiler.codegen.computes.positions import add, affine
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes, literal
from compiler.ir import DType


class Passes:
    """The passes of one kernel: ``tiles`` tiles of at most ``cells`` results of ``block`` filters in an iteration."""

    def __init__(self, builder: KernelBuilder, count: int, tiles: int, cells: int, block: int, width: int) -> None:
        self.builder, self.count, self.cells, self.lanes = builder, count, cells, width
        shape = (tiles * cells, block)
        self.scratch_bytes = DType.F32.bytes * shape[0] * shape[1] if count > 1 else 0
        self.partial = builder.pointer("scratch", DType.F32, shape) if count > 1 else None
        self.number: Index = 0

    @contextmanager
    def loop(self) -> Iterator[None]:
        """Around all tiles of an iteration."""
        if self.count == 1:
            yield
            return
        with self.builder.serial(self.count, "pass") as self.number:
            yield

    def share(self, blocks: int) -> tuple[Index, int]:
        """The first of the channel blocks of this pass, and how many there are."""
        each = blocks // self.count
        return affine(self.number, each, 0), each

    def begin(self, sums: Sequence[Array], tile: Index) -> None:
        """Set the sums of a tile to what the passes before this one have left."""
        if self.partial is None:
            self._clear(sums)
            return
        k = self.builder
        with k.if_(tirx.EQ(k.index(self.number), k.index(0))):
            self._clear(sums)
        with k.else_():
            for cell, part in self._places(sums):
                sums[cell][part, self._lanes(0)] = self.partial[self._place(tile, cell), self._lanes(part)]

    @contextmanager
    def last(self, sums: Sequence[Array], tile: Index) -> Iterator[None]:
        """Around what is done with finished sums; those of other passes are kept."""
        if self.partial is None:
            yield
            return
        k = self.builder
        with k.if_(tirx.EQ(k.index(self.number), k.index(self.count - 1))):
            yield
        with k.else_():
            for cell, part in self._places(sums):
                self.partial[self._place(tile, cell), self._lanes(part)] = sums[cell][part, self._lanes(0)]

    def _clear(self, sums: Sequence[Array]) -> None:
        for cell, part in self._places(sums):
            sums[cell][part, self._lanes(0)] = broadcast(literal(0, "float32"), self.lanes)

    def _places(self, sums: Sequence[Array]) -> Iterator[tuple[int, int]]:
        return itertools.product(range(len(sums)), range(sums[0].shape[0]))

    def _place(self, tile: Index, cell: int) -> Index:
        return add(affine(tile, self.cells, 0), cell)

    def _lanes(self, part: int) -> Index:
        return lanes(self.builder.index(part * self.lanes), self.lanes)
