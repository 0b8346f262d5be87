"""The tables of the suite `kernels` in markdown."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.measure import Kernel, KernelTable, seconds_by_kind
from bench.kernels.reasons import SLOW, reasons, slow_kernels
from bench.kernels.work import COPY, DEPTHWISE, OTHER, WINOGRAD
from bench.markdown import table

TEXT_COLUMNS = ("call", "kind", "shape", "template", "config")
HEADER = (*TEXT_COLUMNS, "median us", "best us", "share", "GFLOP/s", "GB/s", "of peak", "at best")
UNEXPLAINED = "neither memory nor its shape: the kernel's own code"
NO_PEAK = frozenset({COPY, OTHER})


def kernel_text(measured: KernelTable) -> str:
    """The model's limits, a row per call, the weighted part of the peak, and why slow kernels are slow."""
    limits = measured.limits
    lines = [
        f"{measured.model} for {measured.target}, one thread, {_rounds(measured)}; in the same process and at the"
        f" same time: multiply-adds in registers {limits.flops_per_second * 1e-9:.1f} GFLOP/s, reading"
        f" {limits.streamed_bytes_per_second * 1e-9:.1f} GB/s in a stream and"
        f" {limits.cached_bytes_per_second * 1e-9:.1f} GB/s from the second-level cache",
        "",
        table(HEADER, [_row(kernel) for kernel in measured.kernels], labels=len(TEXT_COLUMNS)),
        "",
        *_kind_lines(measured),
        _weighted_line(measured),
        *_slow_lines(measured),
    ]
    return "\n".join(lines)


def _rounds(measured: KernelTable) -> str:
    if measured.rounds < measured.taken:
        return f"{measured.rounds} runs ({measured.taken - measured.rounds} more were interrupted and do not count)"
    if measured.interrupted:
        return f"{measured.rounds} runs ({measured.interrupted} were interrupted: medians are too high, see `at best`)"
    return f"{measured.rounds} runs"


def _row(kernel: Kernel) -> tuple[str, ...]:
    work = kernel.work
    return (
        work.name,
        work.kind,
        work.shape or "-",
        work.template or "-",
        work.config or "-",
        f"{kernel.median_seconds * 1e6:.1f}",
        f"{kernel.best_seconds * 1e6:.1f}",
        f"{kernel.share:.1%}",
        f"{kernel.flops_per_second * 1e-9:.1f}",
        f"{work.bytes / kernel.median_seconds * 1e-9:.1f}",
        *("-" if work.kind in NO_PEAK else f"{part:.0%}" for part in (kernel.of_peak, kernel.best_of_peak)),
    )


def _kind_lines(measured: KernelTable) -> Iterator[str]:
    kinds = seconds_by_kind(measured)
    total = sum(seconds for seconds, _ in kinds.values())
    for kind, (seconds, flops) in kinds.items():
        effective = " (of the direct algorithm: effective, not executed)" if kind == WINOGRAD else ""
        rate = "" if kind in NO_PEAK else f", {flops / seconds * 1e-9:.1f} GFLOP/s{effective}"
        yield f"- {kind}: {seconds * 1e6:.0f} us, {seconds / total:.1%} of the time{rate}"


def _weighted_line(measured: KernelTable) -> str:
    weighted = measured.weighted_of_peak
    best = measured.weighted_best_of_peak
    if weighted is None or best is None:
        return "- direct convolution and GEMM kernels: none"
    return (
        f"- direct convolution and GEMM kernels (no {WINOGRAD}, no {DEPTHWISE}), weighted by their time:"
        f" {weighted:.1%} of the measured peak (of medians; of the best run of each {best:.1%})"
    )


def _slow_lines(measured: KernelTable) -> Iterator[str]:
    slow = slow_kernels(measured)
    if not slow:
        yield f"- none of them is below {SLOW:.0%}"
        return
    yield f"- below {SLOW:.0%} of the peak, with what their shapes and the measured limits say of it:"
    alike: dict[tuple[str, str], list[Kernel]] = {}
    for kernel in slow:
        alike.setdefault((kernel.work.shape, kernel.work.template), []).append(kernel)
    for (shape, template), kernels in sorted(alike.items(), key=lambda item: -sum(k.share for k in item[1])):
        parts = [kernel.of_peak for kernel in kernels]
        reached = f"{min(parts):.0%}" if len(parts) == 1 else f"{min(parts):.0%} to {max(parts):.0%}"
        share = sum(kernel.share for kernel in kernels)
        why = "; ".join(dict.fromkeys(reason for kernel in kernels for reason in reasons(kernel, measured)))
        yield (
            f"  - {shape} ({template}, {len(kernels)} call{'s' * (len(kernels) > 1)}, {share:.1%} of the time):"
            f" {reached}: {why or UNEXPLAINED}"
        )
