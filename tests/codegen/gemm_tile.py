"""A packed float32 matrix multiplication, the proof that loop nests emitted directly reach the machine's
peak."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes, literal
from compiler.ir.dtypes import DType


@dataclass(frozen=True)
class GemmTile:
    """``C[M, N] = A[M, K] x B[K, N]`` with B packed into panels ``[N / nr][K][nr]``.

    One register tile is ``mr`` rows by ``nr`` columns, held in ``mr * nr / vector`` registers.
    """

    m: int
    n: int
    k: int
    mr: int
    nr: int
    vector: int

    def emit(self, *, index_bits: int = 64) -> tirx.PrimFunc:
        """The kernel; its parallel loop runs over panels of B."""
        builder = KernelBuilder("k_gemm", index_bits=index_bits)
        a = builder.pointer("a", DType.F32, (self.m, self.k))
        b = builder.pointer("b", DType.F32, (self.n // self.nr, self.k, self.nr))
        c = builder.pointer("c", DType.F32, (self.m, self.n))
        blocks = self.m // self.mr
        with builder.parallel(self.n // self.nr, "panel") as panel, builder.serial(blocks, "block") as block:
            self._tile(builder, a, b, c, panel, block)
        return builder.finish()

    def _tile(self, builder: KernelBuilder, a: Array, b: Array, c: Array, panel: Expr, block: Expr) -> None:
        tile = builder.registers("tile", DType.F32, (self.mr, self.nr))
        columns = range(0, self.nr, self.vector)
        cells = [(row, column) for row in range(self.mr) for column in columns]
        for row, column in cells:
            tile[row, lanes(column, self.vector)] = literal(0.0, "float32")
        with builder.serial(self.k, "p") as p:
            b_row = {column: builder.let(b[panel, p, lanes(column, self.vector)], "b_row") for column in columns}
            for row in range(self.mr):
                a_element = broadcast(builder.let(a[block * self.mr + row, p], "a_element"), self.vector)
                for column in columns:
                    at = row, lanes(column, self.vector)
                    tile[at] = tile[at] + a_element * b_row[column]
        for row, column in cells:
            at = lanes(panel * self.nr + column, self.vector)
            c[block * self.mr + row, at] = tile[row, lanes(column, self.vector)]
