"""The configurations of ``matmul_tiled``: what a product leaves to choose, and the analytic rule's choice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from compiler.codegen.analytic.convolution import FEWEST_ITERATIONS, graded, halvings
from compiler.codegen.schedules.register_tile import K_STEP, balanced_rows, most_rows
from compiler.codegen.space import Among, AtMost, Knob, Space
from compiler.ir import Node
from compiler.ir.ops.contraction import MatMul
from compiler.targets import Target

NEXT_PANEL = 1
"""The value of ``fetch`` that stands for the panel behind the one in use; larger ones are bytes ahead."""

AHEAD_BYTES = 4096
"""How far ahead of their use weights are asked for that are used only once: what memory delivers in its latency."""

ROW_BLOCK = 8
"""Row tiles that one iteration of the parallel loop computes, so that a panel of b is used while it is in cache."""


@dataclass(frozen=True)
class Product:
    """``rows x depth`` times ``depth x columns``, ``batch`` of them; ``packed`` is the width of b's panels, if it is;
    ``transposes`` says whether b is [n, k] and turned around panel by panel."""

    batch: int
    rows: int
    depth: int
    columns: int
    packed: int | None
    transposes: bool

    @staticmethod
    def of(anchor: Node, target: Target) -> Product:
        """That of a ``matmul`` node."""
        op, (a, b) = anchor.op, (operand.type for operand in anchor.operands)
        assert isinstance(op, MatMul)
        *batch, rows, columns = anchor.result.type.shape
        packed = b.layout.blocks[0][1] if b.layout.blocks else None
        return Product(math.prod(batch), rows, a.shape[-1], columns, packed, op.transpose_b and packed is None)

    def vectors(self, target: Target) -> int:
        """Vectors of a panel's width, by the analytic rule."""
        lanes = target.lanes(4)
        return max(1, self.packed // lanes if self.packed else min(2, -(-self.columns // lanes)))

    def panels(self, vectors: int, target: Target) -> int:
        """Panels of ``vectors`` vectors."""
        return -(-self.columns // (self.packed or vectors * target.lanes(4)))

    def fetch(self, rows: int, target: Target) -> int:
        """The weights to ask for ahead, by the analytic rule, beside tiles of ``rows`` rows."""
        if not self.packed:
            return 0
        if rows >= self.rows or 2 * 4 * self.depth * self.packed > target.l2_bytes:
            return AHEAD_BYTES
        return NEXT_PANEL if self.can_fetch_panel(target) else 0

    def can_fetch_panel(self, target: Target) -> bool:
        """Whether there is a next panel, with a line for each of the shortest steps."""
        if not self.packed or self.columns <= self.packed:
            return False
        return 4 * self.packed * min(_steps(target)) >= target.cache_line_bytes


def product_space(product: Product, target: Target) -> Space:
    """The knobs that ``MatMulTiled.space`` describes, their analytic values, and where they mean something."""
    vectors = product.vectors(target)
    default_rows = balanced_rows(product.rows, vectors, target, 4 * product.depth)
    default_span = _default_span(product, default_rows)
    cuts = list(_cuts(product, (default_rows, vectors, default_span), target))
    rows, widths, spans = (tuple(dict.fromkeys(values)) for values in zip(*cuts, strict=True))
    steps = _steps(target)
    fetch = product.fetch(default_rows, target)
    several_panels = product.panels(min(widths), target) > 1
    distances = (
        0,
        *(NEXT_PANEL for _ in range(product.can_fetch_panel(target))),
        *(AHEAD_BYTES // 2 << power for power in range(4)),
    )
    return Space(
        (
            Knob("rows", rows, default_rows),
            Knob("vectors", widths, vectors),
            Knob("steps", tuple(step for step in steps if step in (K_STEP, *_up_to(product.depth, steps))), K_STEP),
            Knob("span", spans, default_span),
            Knob("panels_last", (0, 1) if several_panels and not product.transposes else (0,), 0),
            Knob("fetch", distances if product.packed and product.depth >= K_STEP else (fetch,), fetch),
        ),
        (
            Among(("rows", "vectors", "span"), tuple(cuts)),
            # Where one iteration has all rows, or one panel all columns, their order means nothing.
            AtMost(("panels_last", "rows", "span"), product.rows - 1),
            AtMost(("panels_last", "vectors"), product.columns - 1, target.lanes(4)),
        ),
    )


def _steps(target: Target) -> tuple[int, ...]:
    """Multiply-adds of a sum that may be written out."""
    return (K_STEP,) if target.multiplies_by_element else (2, 4, 8, 16)


def _up_to(depth: int, steps: tuple[int, ...]) -> tuple[int, ...]:
    """Those that fit twice: fewer make no loop."""
    return tuple(step for step in steps if 2 * step <= depth)


def _default_span(product: Product, rows: int) -> int:
    """Row tiles of an iteration: with a panel to transpose, all rows share it."""
    tiles = -(-product.rows // rows)
    return tiles if product.transposes else -(-tiles // max(1, tiles // ROW_BLOCK))


def _cuts(product: Product, default: tuple[int, int, int], target: Target) -> Iterator[tuple[int, int, int]]:
    """(rows, vectors, span): tiles that fit in registers and keep multiply-adds busy, and spans that leave as many
    iterations as threads need, if the default does; the default first."""
    yield default

    def iterations(rows: int, vectors: int, span: int) -> int:
        return product.batch * product.panels(vectors, target) * -(-product.rows // (rows * span))

    fewest = min(FEWEST_ITERATIONS, iterations(*default))
    for vectors in (default[1],) if product.packed else (1, 2, 4):
        busy = -(-int(target.fma_latency * target.fma_ports) // vectors)
        heights = range(1, min(most_rows(vectors, target), product.rows) + 1)
        keep = default[0] if vectors == default[1] else 0
        for rows in graded((height for height in heights if height >= busy or height == heights[-1]), keep):
            tiles = -(-product.rows // rows)
            for span in (tiles,) if product.transposes else halvings(tiles):
                if (rows, vectors, span) != default and iterations(rows, vectors, span) >= fewest:
                    yield rows, vectors, span
