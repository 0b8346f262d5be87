"""Copying a matrix into scratch as panels of lanes, the way the innermost loop of a matrix product reads it.

Owns the layout: all panels one after the other, each as ``depth`` rows of ``width`` lanes; a last panel is as narrow as
vectors allow, its lanes beyond the last column are zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tvm.ir import Expr

from compiler.codegen.computes.interface import Index
from compiler.codegen.computes.positions import affine
from compiler.codegen.schedules.region import RegionReader
from compiler.codegen.schedules.register_tile import power_of_two_pieces
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes, literal, transposed

Read = Callable[[Index, Index], Expr]
"""The element in row k and column n; either may be a vector."""


@dataclass(frozen=True)
class Panel:
    """``columns`` columns from ``first`` on, in ``width`` lanes; ``start`` is its place in memory."""

    start: Index
    first: Index
    width: int
    columns: int

    def place(self, k: Index, lane: int, width: int) -> Index:
        """The index of ``width`` lanes of row ``k``."""
        return lanes(_sum(self.start, affine(k, self.width, lane)), width)

    def load(self, memory: Array, k: Index) -> Expr:
        """Row ``k``."""
        return memory[self.place(k, 0, self.width)]


class LanePanels:
    """The panels of a matrix of ``depth`` rows and ``columns`` columns."""

    def __init__(self, builder: KernelBuilder, depth: int, columns: int, lane_count: int, vectors: int) -> None:
        self.builder = builder
        self.depth = depth
        self.columns = columns
        self.lane_count = lane_count
        self.width = vectors * lane_count
        self.full, self.rest = divmod(columns, self.width)
        self.rest_width = -(-self.rest // lane_count) * lane_count
        if self.rest_width > lane_count:
            self.rest_width = self.width
        self.padded = self.full * self.width + self.rest_width

    @property
    def size(self) -> int:
        """Elements of all panels."""
        return self.depth * self.padded

    def panels(self) -> Iterator[Panel]:
        """Each kind of panel once, inside the loop over those of the kind."""
        if self.full:
            with self.builder.serial(self.full, "panel") as number:
                panel_size = self.width * self.depth
                yield Panel(number * panel_size, number * self.width, self.width, self.width)
        if self.rest:
            first = self.full * self.width
            yield Panel(first * self.depth, first, self.rest_width, self.rest)

    def pack_rows(self, memory: Array, read: Read, reader: RegionReader) -> None:
        """Copy a matrix whose rows are contiguous."""
        for panel in self.panels():
            with self.builder.serial(self.depth, "k") as k:
                self._clear(memory, panel, k)
                for start, width in power_of_two_pieces(panel.columns):
                    with reader.scope():
                        memory[panel.place(k, start, width)] = read(k, lanes(affine(panel.first, 1, start), width))

    def pack_columns(self, memory: Array, read: Read, reader: RegionReader) -> None:
        """Copy a matrix whose columns are contiguous: squares of it are turned around in registers."""
        for panel in self.panels():
            self.pack_panel_columns(memory, panel, read, reader)

    def pack_panel_columns(self, memory: Array, panel: Panel, read: Read, reader: RegionReader) -> None:
        """One panel of such a matrix."""
        strips, rest = divmod(self.depth, self.lane_count)
        squares = panel.columns // self.lane_count
        turned = squares * self.lane_count
        if strips and squares:
            with self.builder.serial(strips, "strip") as strip, reader.scope():
                for square in range(squares):
                    self._turn(memory, panel, strip * self.lane_count, square * self.lane_count, read)
        if rest and squares:
            self._gather(memory, panel, (strips * self.lane_count, rest), (0, turned), read, reader)
        if panel.columns > turned:
            if panel.columns < panel.width:
                with self.builder.serial(self.depth, "k") as k:
                    self._clear(memory, panel, k)
            self._gather(memory, panel, (0, self.depth), (turned, panel.columns - turned), read, reader)

    def _turn(self, memory: Array, panel: Panel, k: Expr, lane: int, read: Read) -> None:
        columns = [read(lanes(k, self.lane_count), affine(panel.first, 1, lane + n)) for n in range(self.lane_count)]
        for number, row in enumerate(transposed(self.builder, columns)):
            memory[panel.place(affine(k, 1, number), lane, self.lane_count)] = row

    def _gather(
        self,
        memory: Array,
        panel: Panel,
        rows: tuple[int, int],
        columns: tuple[int, int],
        read: Read,
        reader: RegionReader,
    ) -> None:
        """Copy elements one by one."""
        with self.builder.serial(rows[1], "k", start=rows[0]) as k, reader.scope():
            for start, width in power_of_two_pieces(columns[1]):
                lane = columns[0] + start
                memory[panel.place(k, lane, width)] = read(k, lanes(affine(panel.first, 1, lane), width))

    def _clear(self, memory: Array, panel: Panel, k: Expr) -> None:
        """Zero the vectors of row ``k`` that have lanes beyond the last column."""
        if panel.columns < panel.width:
            for start in range(panel.columns // self.lane_count * self.lane_count, panel.width, self.lane_count):
                memory[panel.place(k, start, self.lane_count)] = broadcast(literal(0, "float32"), self.lane_count)


def _sum(left: Index, right: Index) -> Index:
    if isinstance(right, int) and isinstance(left, Expr):
        left, right = right, left
    if isinstance(left, int) and isinstance(right, Expr):
        return affine(right, 1, left)
    return left + right
