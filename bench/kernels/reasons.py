"""Why a kernel is far from the machine's peak, as far as its shape and the measured limits tell."""

from __future__ import annotations

import math

from bench.kernels.measure import Kernel, KernelTable, Limits

SLOW = 0.8
"""Below this part of the peak a kernel is asked for its reasons."""

# From these parts of its time on, something counts as a reason.
MEMORY_PART, EPILOGUE_PART, SHORT_SECONDS = 0.25, 0.05, 10e-6
FEW_PIXELS, FULL_LANES = 50, 0.95


def slow_kernels(table: KernelTable) -> list[Kernel]:
    """The sums of products below `SLOW`, the longest first."""
    slow = [kernel for kernel in table.kernels if kernel.work.is_sum_of_products and kernel.of_peak < SLOW]
    return sorted(slow, key=lambda kernel: -kernel.median_seconds)


def memory_seconds(kernel: Kernel, limits: Limits) -> float:
    """What moving its bytes takes alone: constants in a stream, everything else from the second-level cache."""
    work = kernel.work
    cached = work.bytes - work.weight_bytes
    return work.weight_bytes / limits.streamed_bytes_per_second + cached / limits.cached_bytes_per_second


def reasons(kernel: Kernel, table: KernelTable) -> list[str]:
    """What holds the kernel back, each with the figures that say so; empty if nothing of this does."""
    return [*_of_memory(kernel, table.limits), *_of_shape(kernel, table.lanes), *_of_size(kernel)]


def _of_memory(kernel: Kernel, limits: Limits) -> list[str]:
    part = memory_seconds(kernel, limits) / kernel.median_seconds
    if part < MEMORY_PART:
        return []
    intensity = kernel.work.flops / kernel.work.bytes
    balance = limits.flops_per_second / limits.streamed_bytes_per_second
    return [
        f"memory: {intensity:.3g} operations per byte (the machine: {balance:.0f} in a stream);"
        f" its bytes alone take {part:.0%} of its time"
    ]


def _of_shape(kernel: Kernel, lanes: int) -> list[str]:
    found: list[str] = []
    for contraction in kernel.work.contractions:
        if contraction.input_channels < lanes:
            found.append(f"few channels: sums over {contraction.input_channels} per filter tap")
        channels = contraction.output_channels
        filled = channels / (math.ceil(channels / lanes) * lanes)
        if filled < FULL_LANES:
            found.append(f"lanes: {channels} output channels fill {filled:.0%} of vectors of {lanes}")
        if contraction.pixels < FEW_PIXELS:
            found.append(f"few pixels: {contraction.pixels} positions share each weight that is loaded")
        if contraction.stride > 1:
            found.append(f"stride {contraction.stride}: neighbours in a vector or tile are not neighbours in memory")
    return list(dict.fromkeys(found))


def _of_size(kernel: Kernel) -> list[str]:
    found: list[str] = []
    other = kernel.work.other_flops / (kernel.work.flops + kernel.work.other_flops)
    if other > EPILOGUE_PART:
        found.append(f"epilogue: {other:.0%} of its operations are no multiply-adds of the sums")
    if kernel.median_seconds < SHORT_SECONDS:
        found.append(f"short: {kernel.median_seconds * 1e6:.1f} us, of which starting takes a part")
    return found
