"""Markdown tables that are aligned as plain text too, and figures as their cells hold them."""

from __future__ import annotations

from collections.abc import Sequence

MEBIBYTE = 1 << 20


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, labels: int) -> str:
    """A markdown table, aligned as plain text too: `labels` columns to the left, figures to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < labels else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = line(["-" * width if i < labels else "-" * (width - 1) + ":" for i, width in enumerate(widths)])
    return "\n".join([line(header), rule, *(line(row) for row in rows)])


def milliseconds(seconds: float) -> str:
    """Three or more significant digits, without a unit."""
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 1000 else f"{value:#.3g}".rstrip(".")


def mebibytes(count: int) -> str:
    """MiB without a unit, with two decimals below ten and one from there on."""
    value = count / MEBIBYTE
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
