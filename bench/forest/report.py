"""Tables of forests: nanoseconds per row in batches and from C, builds and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.forest.measure import ForestBatch, ForestTable
from bench.latency import Measured
from bench.markdown import mebibytes, table

NANO = 1e9


def forest_text(measured: Sequence[ForestTable]) -> str:
    """All tables of the suite that have rows, and what was not measured."""
    parts = [
        _batch_table(measured),
        *([_row_table(measured)] if any(part.single_rows.rows for part in measured) else []),
        *(["\n".join(lines)] if (lines := list(_single_row_lines(measured))) else []),
        _build_table(measured),
        _model_table(measured),
        *(["\n".join(reasons)] if (reasons := list(_reasons(measured))) else []),
    ]
    return "\n\n".join(parts)


def _batch_table(measured: Sequence[ForestTable]) -> str:
    """A row per model, batch, number of threads and engine, from Python."""
    header = ("model", "engine", "rows", "threads", "ns per row", "IQR", "Kiln is faster by", "of bound", "difference")
    rows: list[tuple[str, ...]] = []
    for part in measured:
        for batch in part.batches:
            place = (str(batch.rows), str(part.threads))
            rows += [(part.model, row.engine, *place, *_cells(batch, row)) for row in batch.comparison.measured]
            rows += [(part.model, engine, *place, "did not run", *("-",) * 4) for engine in batch.comparison.failures]
    return table(header, rows, labels=2)


def _cells(batch: ForestBatch, row: Measured) -> tuple[str, ...]:
    latency = row.latency
    times = (latency.median, latency.interquartile_range)
    return (
        *(_nanoseconds(seconds / batch.rows) for seconds in times),
        "-" if row.speedup is None else str(row.speedup),
        "-" if batch.bound_seconds is None else f"{batch.bound_seconds / latency.median:.1%}",
        "-" if row.difference is None else f"{row.difference:.1e}",
    )


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
    """What was made for the smallest batch, beside the size of the model as it came."""
    header = ("model", "engine", "build s", "model MiB", "of the source")
    rows: list[tuple[str, ...]] = []
    for part in _each_model(measured):
        rows.append((part.model, "(source)", "-", mebibytes(part.source_bytes), "-"))
        for build in part.builds:
            share = f"{build.model_bytes / part.source_bytes:.2f}"
            rows.append((part.model, build.engine, f"{build.seconds:.1f}", mebibytes(build.model_bytes), share))
    return table(header, rows, labels=2)


def _model_table(measured: Sequence[ForestTable]) -> str:
    header = ("model", "trees", "features", "outputs", "depth", "leaves a tree", "E[path]", "thresholds a feature")
    rows: list[tuple[str, ...]] = []
    for part in _each_model(measured):
        if part.profile is not None:
            p = part.profile
            sizes = (p.trees, p.features, p.outputs, p.max_depth, round(p.leaves / max(p.trees, 1)))
            rows.append(
                (part.model, *map(str, sizes), f"{p.expected_path:.2f}", f"at most {p.thresholds_of_one_feature}")
            )
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
        for batch in part.batches:
            failures = batch.comparison.failures.items()
            lines.update(
                dict.fromkeys(f"- {engine} did not run {batch.comparison.model}: {why}" for engine, why in failures)
            )
        failures = part.single_rows.failures.items()
        lines.update(
            dict.fromkeys(f"- {engine} has no figures from C on {part.model}: {why}" for engine, why in failures)
        )
    yield from lines


def _nanoseconds(seconds: float) -> str:
    value = seconds * NANO
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _single_row_lines(measured: Sequence[ForestTable]) -> Iterator[str]:
    """The best peer's time by Kiln's from C, where both ran."""
    for part in measured:
        peers = [row for row in part.single_rows.rows if row.speedup is not None]
        if peers:
            best = min(peers, key=lambda row: row.latency.median)
            yield f"- {part.model}, a single row from C, best peer / Kiln: {best.speedup} ({best.engine})"
