"""The results of the benchmark as markdown tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from bench.accuracy.measure import Accuracy
from bench.accuracy.report import accuracy_text
from bench.footprint import FootprintTable
from bench.forest.measure import ForestTable
from bench.forest.report import forest_summaries, forest_text
from bench.kernels.measure import KernelTable
from bench.kernels.report import kernel_text
from bench.latency import SUBJECT, Comparison, Measured
from bench.machine import fingerprint, machine_text
from bench.markdown import mebibytes, milliseconds, table
from bench.summary import SuiteSummary, summarize_suite

Result = Comparison | FootprintTable | KernelTable | Accuracy | ForestTable


@dataclass
class Outcome:
    """What came of a suite: results in the order of its models; the models that are not here, and those that could
    not be measured, with their reasons."""

    suite: str
    versions: dict[str, str]
    results: list[Result] = field(default_factory=list[Result])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    refused: dict[str, str] = field(default_factory=dict[str, str])


def comparisons(outcome: Outcome) -> list[Comparison]:
    """The comparisons of latencies in the results."""
    return [
        *(result for result in outcome.results if isinstance(result, Comparison)),
        *(batch.comparison for result in forests(outcome) for batch in result.batches),
    ]


def _summaries(outcome: Outcome) -> list[SuiteSummary]:
    found = forests(outcome)
    return forest_summaries(found) if found else summarize_suite(comparisons(outcome))


def forests(outcome: Outcome) -> list[ForestTable]:
    """The tables of forests in the results."""
    return [result for result in outcome.results if isinstance(result, ForestTable)]


def latency_table(measured: Sequence[Comparison]) -> str:
    """A row per model, number of threads and engine; engines that could not run have a row that says so."""
    times = ("median ms", "min ms", "IQR ms")
    header = ("model", "engine", "threads", *times, "Kiln is faster by", "largest difference")
    rows: list[tuple[str, ...]] = []
    for comparison in measured:
        model, threads = comparison.model, str(comparison.threads)
        rows += [(model, row.engine, threads, *_latency_cells(row)) for row in comparison.measured]
        rows += [(model, engine, threads, "did not run", *("-",) * 4) for engine in comparison.failures]
    return "\n".join([table(header, rows, labels=2), *_reasons(measured)])


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
    header = ("model", "threads", "best peer", "its median ms", "Kiln's median ms", "best peer / Kiln", "of minima")
    rows = [
        (
            row.model,
            str(summary.threads),
            row.peer,
            *(milliseconds(seconds) for seconds in (row.peer_seconds, row.subject_seconds)),
            str(row.ratio),
            f"{row.of_minima:.2f}x",
        )
        for summary in summaries
        for row in summary.rows
    ]
    return "\n".join([table(header, rows, labels=1), "", summary_lines(summaries)])


def summary_lines(summaries: Sequence[SuiteSummary]) -> str:
    """What each says as a whole."""
    return "\n".join(map(_summary_line, summaries))


def _summary_line(summary: SuiteSummary) -> str:
    batch = f"{summary.batch:,} row{'s' * (summary.batch > 1)}, " if summary.batch else ""
    threads = f"{batch}{summary.threads} thread{'s' * (summary.threads > 1)}"
    left_out = f"; not counted: {', '.join(summary.left_out)}" if summary.left_out else ""
    if summary.minimum is None:
        return f"- {threads}: nothing to compare{left_out}"
    return (
        f"- {threads}, best peer / Kiln over {len(summary.rows)} models: geometric mean {summary.geometric_mean:.3f}x,"
        f" minimum {summary.minimum.ratio.value:.2f}x ({summary.minimum.model}); geometric mean of minima"
        f" {summary.geometric_mean_of_minima:.3f}x{left_out}"
    )


def footprint_text(tables: Sequence[FootprintTable]) -> str:
    """What models cost from C and from Python, and how the best peer compares from C."""
    return "\n\n".join([_native_table(tables), "\n".join(_native_lines(tables)), footprint_table(tables)])


def _native_table(tables: Sequence[FootprintTable]) -> str:
    """A row per model and engine: a program in C around the engine's library."""
    header = ("model", "engine, from C", "first result ms", "load ms", "beyond weights MiB", "largest difference")
    rows: list[tuple[str, ...]] = []
    for part in tables:
        for row in part.native:
            times = (milliseconds(row.first_result_seconds), milliseconds(row.load_seconds))
            difference = "-" if row.difference is None else f"{row.difference:.1e}"
            rows.append((part.model, row.engine, *times, mebibytes(row.beyond_weights), difference))
        rows += [(part.model, engine, "did not run", *("-",) * 3) for engine in part.native_failures]
    lines = [f"{e} has no figures from C: {why}" for part in tables for e, why in part.native_failures.items()]
    return "\n".join([table(header, rows, labels=2), *(["", *dict.fromkeys(lines)] if lines else [])])


def _native_lines(tables: Sequence[FootprintTable]) -> Iterator[str]:
    """The best peer's figure by Kiln's; the best peer of each figure on its own."""
    for part in tables:
        kiln = next((row for row in part.native if row.engine == SUBJECT), None)
        peers = [row for row in part.native if row.engine != SUBJECT]
        if kiln is None or not peers:
            yield f"- {part.model}: nothing to compare from C"
            continue
        first = min(peers, key=lambda row: row.first_result_seconds)
        memory = min(peers, key=lambda row: row.beyond_weights)
        sooner = first.first_result_seconds / kiln.first_result_seconds
        smaller = memory.beyond_weights / kiln.beyond_weights
        yield (
            f"- {part.model}, best peer / Kiln: time to the first result {sooner:.1f}x ({first.engine}), private memory"
            f" beyond the {mebibytes(part.weight_bytes)} MiB of weights {smaller:.1f}x ({memory.engine})"
        )


def footprint_table(tables: Sequence[FootprintTable]) -> str:
    """A row per model and engine from Python, and one for what Python costs alone."""
    figures = ("first result ms", "load ms", "peak MiB", "private MiB", "runtime MiB", "model MiB", "to ship MiB")
    rows: list[tuple[str, ...]] = []
    for part in tables:
        for row in part.rows:
            shipped = (row.runtime_bytes, row.model_bytes, row.runtime_bytes + row.model_bytes)
            sizes = (row.peak_bytes, row.private_bytes, *shipped)
            times = (milliseconds(row.first_result_seconds), milliseconds(row.load_seconds))
            rows.append((part.model, row.engine, *times, *(mebibytes(size) for size in sizes)))
        rows += [(part.model, engine, "did not run", *("-",) * (len(figures) - 1)) for engine in part.failures]
    return "\n".join([table(("model", "engine, from Python", *figures), rows, labels=2), *_reasons(tables)])


def _reasons(parts: Sequence[Comparison | FootprintTable]) -> list[str]:
    """A line per distinct reason why an engine did not run."""
    lines = [f"{engine} did not run {part.model}: {why}" for part in parts for engine, why in part.failures.items()]
    return ["", *dict.fromkeys(lines)] if lines else []


def as_markdown(outcome: Outcome) -> str:
    """The tables of a suite with everything that a reader must know of them."""
    parts = _tables(outcome)
    left_out = [f"- {name} was skipped: {reason}" for name, reason in outcome.skipped.items()]
    left_out += [f"- {name} could not be measured: {reason}" for name, reason in outcome.refused.items()]
    engines = ", ".join(f"{name} {version}" for name, version in outcome.versions.items())
    return "\n\n".join(
        [*parts, *(["\n".join(left_out)] if left_out else []), f"engines: {engines}", machine_text(fingerprint())]
    )


def _tables(outcome: Outcome) -> list[str]:
    footprints = [result for result in outcome.results if isinstance(result, FootprintTable)]
    kernels = [result for result in outcome.results if isinstance(result, KernelTable)]
    accuracies = [result for result in outcome.results if isinstance(result, Accuracy)]
    latencies = [result for result in outcome.results if isinstance(result, Comparison)]
    trees = forests(outcome)
    return [
        *([latency_table(latencies), summary_text(summarize_suite(latencies))] if latencies else []),
        *([forest_text(trees), summary_lines(forest_summaries(trees))] if trees else []),
        *([footprint_text(footprints)] if footprints else []),
        *(kernel_text(measured) for measured in kernels),
        *([accuracy_text(accuracies)] if accuracies else []),
    ]


def as_json(outcome: Outcome) -> dict[str, object]:
    """Everything that was measured, in plain values; times in seconds, sizes in bytes."""
    return {
        "suite": outcome.suite,
        "machine": asdict(fingerprint()),
        "versions": outcome.versions,
        "results": [asdict(result) for result in outcome.results],
        "summary": [asdict(summary) | {"geometric_mean": summary.geometric_mean} for summary in _summaries(outcome)],
        "skipped": outcome.skipped,
        "refused": outcome.refused,
    }
