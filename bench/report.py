"""The results of the benchmark as markdown tables, as JSON and as a plot."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

from bench.footprint import FootprintTable
from bench.latency import Comparison, Measured
from bench.process import available_processors
from bench.summary import SuiteSummary

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
    """With two digits below ten."""
    value = count / MEBIBYTE
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def latency_table(comparisons: Sequence[Comparison]) -> str:
    """A row per model, number of threads and engine; engines that could not run have a row that says so."""
    times = ("median ms", "min ms", "IQR ms")
    header = ("model", "engine", "threads", *times, "Kiln is faster by", "largest difference")
    rows: list[tuple[str, ...]] = []
    for comparison in comparisons:
        model, threads = comparison.model, str(comparison.threads)
        rows += [(model, row.engine, threads, *_latency_cells(row)) for row in comparison.measured]
        rows += [(model, engine, threads, "did not run", *("-",) * 4) for engine in comparison.failures]
    return "\n".join([table(header, rows, labels=2), *_reasons(comparisons)])


def _latency_cells(row: Measured) -> tuple[str, ...]:
    latency = row.latency
    times = (latency.median, latency.minimum, latency.interquartile_range)
    return (
        *(milliseconds(seconds) for seconds in times),
        "-" if row.speedup is None else str(row.speedup),
        "-" if row.difference is None else f"{row.difference:.1e}",
    )


def summary_text(summaries: Sequence[SuiteSummary]) -> str:
    """The best peer of each model, and per number of threads the worst model and the geometric mean."""
    header = ("model", "threads", "best peer", "its median ms", "Kiln's median ms", "best peer / Kiln")
    rows = [
        (
            row.model,
            str(summary.threads),
            row.peer,
            *(milliseconds(seconds) for seconds in (row.peer_seconds, row.subject_seconds)),
            str(row.ratio),
        )
        for summary in summaries
        for row in summary.rows
    ]
    return "\n".join([table(header, rows, labels=1), "", *(_summary_line(summary) for summary in summaries)])


def _summary_line(summary: SuiteSummary) -> str:
    threads = f"{summary.threads} thread{'s' * (summary.threads > 1)}"
    left_out = f"; not counted: {', '.join(summary.left_out)}" if summary.left_out else ""
    if summary.minimum is None:
        return f"- {threads}: nothing to compare{left_out}"
    return (
        f"- {threads}, best peer / Kiln over {len(summary.rows)} models: geometric mean {summary.geometric_mean:.3f}x,"
        f" minimum {summary.minimum.ratio.value:.2f}x ({summary.minimum.model}){left_out}"
    )


def footprint_table(tables: Sequence[FootprintTable]) -> str:
    """A row per model and engine."""
    header = (
        "model",
        "engine",
        "first result ms",
        "load ms",
        "peak MiB",
        "runtime MiB",
        "model MiB",
        "to ship MiB",
    )
    rows: list[tuple[str, ...]] = []
    for part in tables:
        for row in part.rows:
            sizes = (row.peak_bytes, row.runtime_bytes, row.model_bytes, row.runtime_bytes + row.model_bytes)
            times = (milliseconds(row.first_result_seconds), milliseconds(row.load_seconds))
            rows.append((part.model, row.engine, *times, *(mebibytes(size) for size in sizes)))
        rows += [(part.model, engine, "did not run", *("-",) * 5) for engine in part.failures]
    return "\n".join([table(header, rows, labels=2), *_reasons(tables)])


def _reasons(parts: Sequence[Comparison | FootprintTable]) -> list[str]:
    """A line per distinct reason why an engine did not run."""
    lines = [f"{engine} did not run {part.model}: {why}" for part in parts for engine, why in part.failures.items()]
    return ["", *dict.fromkeys(lines)] if lines else []


def machine() -> dict[str, str]:
    """What the figures depend on and a reader cannot know."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": str(len(available_processors())),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def as_json(
    suite: str, versions: Mapping[str, str], results: Sequence[Comparison | FootprintTable]
) -> dict[str, object]:
    """Everything that was measured, in plain values; times in seconds, sizes in bytes."""
    return {
        "suite": suite,
        "machine": machine(),
        "versions": dict(versions),
        "results": [asdict(r) for r in results],
    }


BAR = 18
LABEL_WIDTH = 300
PLOT_WIDTH = 420


def plot(comparisons: Sequence[Comparison]) -> str:
    """An SVG: one bar per model and peer, how many times faster Kiln is, with its interval; a line at 1."""
    bars = [
        (f"{c.model}, {c.threads} thread{'s' * (c.threads > 1)}, {row.engine}", row.speedup)
        for c in comparisons
        for row in c.measured
        if row.speedup is not None
    ]
    largest = max((ratio.high for _, ratio in bars), default=1.0)
    scale = PLOT_WIDTH / max(largest, 1.0)
    height = (len(bars) + 1) * BAR * 1.5
    one = LABEL_WIDTH + scale
    width = LABEL_WIDTH + PLOT_WIDTH + 80
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}"'
        ' font-family="sans-serif" font-size="12">'
    ]
    for i, (label, ratio) in enumerate(bars):
        y = (i + 0.5) * BAR * 1.5
        middle = y + BAR / 2
        low, high = LABEL_WIDTH + ratio.low * scale, LABEL_WIDTH + ratio.high * scale
        parts += [
            f'<text x="{LABEL_WIDTH - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{LABEL_WIDTH}" y="{y:.1f}" width="{ratio.value * scale:.1f}" height="{BAR}" fill="#4a7aa5"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}" stroke="#111"/>',
            f'<text x="{high + 6:.1f}" y="{middle + 4:.1f}">{ratio.value:.2f}x</text>',
        ]
    parts.append(f'<line x1="{one:.1f}" x2="{one:.1f}" y1="0" y2="{height:.0f}" stroke="#888" stroke-dasharray="4"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"
