"""Drawing bars with matplotlib. Imported only where a picture is asked for that needs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")  # before pyplot is imported: there may be no display

from matplotlib import pyplot

if TYPE_CHECKING:
    from bench.plot import Bar

INCHES_PER_BAR = 0.28


def draw(bars: Sequence[Bar], title: str, path: Path) -> None:
    """Write the picture to `path` in the format of its suffix."""
    peers = list(dict.fromkeys(bar.peer for bar in bars))
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + INCHES_PER_BAR * max(len(bars), 1)), layout="constrained")
    for i, bar in enumerate(bars):
        ratio = bar.ratio
        interval = [[ratio.value - ratio.low], [ratio.high - ratio.value]]
        axes.barh(i, ratio.value, xerr=interval, color=f"C{peers.index(bar.peer)}", capsize=2, height=0.7)
        axes.text(ratio.high, i, f" {ratio.value:.2f}x", va="center", fontsize=8)
    axes.axvline(1.0, color="0.4", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
