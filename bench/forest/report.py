"""Tables of forests: nanoseconds per row in batches and from C, builds and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.forest.measure import ForestTable
from bench.latency import SUBJECT
from bench.markdown import mebibytes, table
from bench.summary import SuiteSummary, summarize_suite

NANO = 1e9


def forest_text(measured: Sequence[ForestTable]) -> str:
    """All tables of the suite that have rows, and what was not measured."""
    parts = [
        _batch_table(measured),
        _difference_table(measured),
        *([_row_table(measured)] if any(part.single_rows.rows for part in measured) else []),
        *(["\n".join(lines)] if (lines := list(_single_row_lines(measured))) else []),
        _build_table(measured),
        _model_table(measured),
        *(["\n".join(reasons)] if (reasons := list(_reasons(measured))) else []),
    ]
    return "\n\n".join(parts)


def forest_summaries(measured: Sequence[ForestTable]) -> list[SuiteSummary]:
    """One for each number of rows and of threads."""
    batches = [batch for part in measured for batch in part.batches]
    return [
        replace(summary, batch=rows)
        for rows in dict.fromkeys(batch.rows for batch in batches)
        for summary in summarize_suite([batch.comparison for batch in batches if batch.rows == rows])
    ]


def _batch_table(measured: Sequence[ForestTable]) -> str:
    """Medians from Python: a row per model, batch and number of threads, a column per engine."""
    engines = _engines(measured)
    header = ("model", "rows", "threads", *engines, "of bound", "best peer / Kiln")
    rows: list[tuple[str, ...]] = []
    for part in measured:
        for batch in part.batches:
            found = {row.engine: row.latency.median for row in batch.comparison.measured}
            times = (_nanoseconds(found[e] / batch.rows) if e in found else "-" for e in engines)
            bound = f"{batch.bound_seconds / found[SUBJECT]:.1%}" if SUBJECT in found else "-"
            (summary,) = summarize_suite([batch.comparison])
            best = f"{summary.rows[0].ratio} ({summary.rows[0].peer})" if summary.rows else "-"
            rows.append((part.model, f"{batch.rows:,}", str(part.threads), *times, bound, best))
    return f"nanoseconds per row\n\n{table(header, rows, labels=1)}"


def _difference_table(measured: Sequence[ForestTable]) -> str:
    """The largest difference of any batch."""
    engines = _engines(measured)
    rows: list[tuple[str, ...]] = []
    for model in dict.fromkeys(part.model for part in measured):
        batches = [batch for part in measured if part.model == model for batch in part.batches]
        found: dict[str, float] = {}
        for row in (row for batch in batches for row in batch.comparison.measured):
            found[row.engine] = max(found.get(row.engine, 0.0), row.difference or 0.0)
        rows.append((model, *(f"{found[engine]:.1e}" if engine in found else "-" for engine in engines)))
    header = ("model", *engines)
    return f"largest difference from the framework's own results\n\n{table(header, rows, labels=1)}"


def _engines(measured: Sequence[ForestTable]) -> list[str]:
    """All that took part or should have, in the order in which they were named."""
    return list(dict.fromkeys(engine for part in measured for engine in part.engines))


def _row_table(measured: Sequence[ForestTable]) -> str:
    """Single rows, from C."""
    header = ("model", "engine, from C", "ns per single row", "IQR", "Kiln is faster by", "difference")
    rows: list[tuple[str, ...]] = []
    for part in measured:
        for row in part.single_rows.rows:
            times = (row.latency.median, row.latency.interquartile_range)
            faster = "-" if row.speedup is None else str(row.speedup)
            rows.append((part.model, row.engine, *map(_nanoseconds, times), faster, f"{row.difference:.1e}"))
        rows += [(part.model, engine, "did not run", *("-",) * 3) for engine in part.single_rows.failures]
    return table(header, rows, labels=2)


def _build_table(measured: Sequence[ForestTable]) -> str:
    """What each engine made of the model: seconds, and mebibytes of what it loads."""
    engines = _engines(measured)
    header = ("model", "source MiB", *(f"{engine}: s, MiB" for engine in engines), "Kiln / source")
    rows: list[tuple[str, ...]] = []
    for part in _each_model(measured):
        builds = {build.engine: build for build in part.builds}
        cells = (
            f"{builds[e].seconds:.1f}, {mebibytes(builds[e].model_bytes)}" if e in builds else "-" for e in engines
        )
        share = f"{builds[SUBJECT].model_bytes / part.source_bytes:.2f}" if SUBJECT in builds else "-"
        rows.append((part.model, mebibytes(part.source_bytes), *cells, share))
    return f"builds\n\n{table(header, rows, labels=1)}"


def _model_table(measured: Sequence[ForestTable]) -> str:
    header = ("model", "trees", "features", "outputs", "depth", "leaves a tree", "E[path]", "thresholds a feature")
    rows: list[tuple[str, ...]] = []
    for part in _each_model(measured):
        p = part.profile
        sizes = (p.trees, p.features, p.outputs, p.max_depth, round(p.leaves / max(p.trees, 1)))
        rows.append((part.model, *map(str, sizes), f"{p.expected_path:.2f}", f"at most {p.thresholds_of_one_feature}"))
    core = measured[0].core
    about = (
        f"bound: {core.hertz / 1e9:.2f} GHz, {core.loads_per_cycle} loads a cycle, vectors of {core.vector_bytes}"
        f" bytes, {core.memory_bytes_per_second / 1e9:.1f} GB/s from memory, as measured at the start"
    )
    return f"{table(header, rows, labels=1)}\n\n{about}"


def _each_model(measured: Sequence[ForestTable]) -> Iterator[ForestTable]:
    return iter({part.model: part for part in reversed(measured)}.values())


def _reasons(measured: Sequence[ForestTable]) -> Iterator[str]:
    """A line for everything that was not measured."""
    lines: dict[str, None] = {}
    for part in measured:
        lines.update(dict.fromkeys(f"- {part.model}: {why}" for why in part.left_out))
        refused = part.refused.items()
        lines.update(dict.fromkeys(f"- {engine} does not run {part.model}: {why}" for engine, why in refused))
        for batch in part.batches:
            where = f"{batch.comparison.model}, {part.threads} thread{'s' * (part.threads > 1)}"
            failures = [(e, why) for e, why in batch.comparison.failures.items() if e not in part.refused]
            lines.update(dict.fromkeys(f"- {engine} did not run {where}: {why}" for engine, why in failures))
        failures = part.single_rows.failures.items()
        lines.update(
            dict.fromkeys(f"- {engine} has no figures from C on {part.model}: {why}" for engine, why in failures)
        )
    yield from lines


def _nanoseconds(seconds: float) -> str:
    value = seconds * NANO
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _single_row_lines(measured: Sequence[ForestTable]) -> Iterator[str]:
    """The best peer's time by Kiln's from C, where both ran."""
    for part in measured:
        peers = [row for row in part.single_rows.rows if row.speedup is not None]
        if peers:
            best = min(peers, key=lambda row: row.latency.median)
            yield f"- {part.model}, a single row from C, best peer / Kiln: {best.speedup} ({best.engine})"
