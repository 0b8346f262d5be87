"""The ratios of a suite as a picture: a bar per model, number of threads and peer, with its interval, and a line at 1.

SVG is written by hand and needs nothing; every other format is matplotlib's, which is imported when it is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.latency import Comparison
from bench.summary import summarize_suite
from bench.timing import Ratio

SVG = ".svg"
TITLE = "How many times faster Kiln is (ratio of medians, 95% interval)"


class MissingPlotter(RuntimeError):
    """matplotlib, which draws everything but SVG, is not installed."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: only .svg can be drawn without matplotlib; pip install 'kiln-compiler[bench]'")


@dataclass(frozen=True)
class Bar:
    """One ratio and what it is of."""

    label: str
    peer: str
    ratio: Ratio


def bars(comparisons: Sequence[Comparison], *, best_only: bool = False) -> list[Bar]:
    """A bar for every peer that ran beside Kiln, in the order of the table, or for the best one of each comparison."""
    if best_only:
        return [
            Bar(f"{row.model}, {summary.threads} thread{'s' * (summary.threads > 1)}, {row.peer}", row.peer, row.ratio)
            for comparison in comparisons
            for summary in summarize_suite([comparison])
            for row in summary.rows
        ]
    return [
        Bar(f"{c.model}, {c.threads} thread{'s' * (c.threads > 1)}, {row.engine}", row.engine, row.speedup)
        for c in comparisons
        for row in c.measured
        if row.speedup is not None
    ]


def check_plotter(path: Path) -> None:
    """Raise MissingPlotter if `path` needs what is not installed: before anything is measured."""
    if path.suffix != SVG and importlib.util.find_spec("matplotlib") is None:
        raise MissingPlotter(path)


def write_plot(comparisons: Sequence[Comparison], path: Path, *, best_only: bool = False) -> None:
    """The picture in the format that the suffix names, of all peers or of the best ones."""
    drawn = bars(comparisons, best_only=best_only)
    if path.suffix == SVG:
        path.write_text(svg(drawn))
    else:
        importlib.import_module("bench.matplotlib_plot").draw(drawn, TITLE, path)


BAR = 18
LABEL_WIDTH = 300
PLOT_WIDTH = 420


def svg(drawn: Sequence[Bar]) -> str:
    """The picture as text."""
    scale = PLOT_WIDTH / max((bar.ratio.high for bar in drawn), default=1.0)
    scale = min(scale, float(PLOT_WIDTH))  # the line at 1 is always part of the picture
    height = (len(drawn) + 1) * BAR * 1.5
    one = LABEL_WIDTH + scale
    width = LABEL_WIDTH + PLOT_WIDTH + 80
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}"'
        ' font-family="sans-serif" font-size="12">',
        f"<title>{escape(TITLE)}</title>",
    ]
    for i, bar in enumerate(drawn):
        y = (i + 0.5) * BAR * 1.5
        middle = y + BAR / 2
        low, high = LABEL_WIDTH + bar.ratio.low * scale, LABEL_WIDTH + bar.ratio.high * scale
        length = bar.ratio.value * scale
        parts += [
            f'<text x="{LABEL_WIDTH - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect x="{LABEL_WIDTH}" y="{y:.1f}" width="{length:.1f}" height="{BAR}" fill="#4a7aa5"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}" stroke="#111"/>',
            f'<text x="{high + 6:.1f}" y="{middle + 4:.1f}">{bar.ratio.value:.2f}x</text>',
        ]
    parts.append(f'<line x1="{one:.1f}" x2="{one:.1f}" y1="0" y2="{height:.0f}" stroke="#888" stroke-dasharray="4"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"
