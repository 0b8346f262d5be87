"""The suite `kernels`: what a call has to do is counted right, what slows it is found, and the probe measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.kernels.measure import kernel_table, measure_kernels, seconds_by_kind
from bench.kernels.probe import FLAGS, Probe, build_probe
from bench.kernels.reasons import reasons, slow_kernels
from bench.kernels.report import kernel_text
from bench.kernels.work import Contraction, Work
from bench.kernels.worker import Round
from bench.models.digits import digits_model
from compiler.codegen.toolchain import find_compiler
from compiler.targets import TARGETS, resolve

PEAK, STREAMED, CACHED = 100e9, 10e9, 100e9


def conv(flops: int = 10**8, channels: int = 64, outputs: int = 64, pixels: int = 3136, stride: int = 1) -> Contraction:
    return Contraction("conv", f"{outputs}<-{channels}", flops, channels, outputs, pixels, stride)


def work(
    name: str, *contractions: Contraction, template: str = "direct/1", size: float = 1e6, weights: float = 0
) -> Work:
    flops = float(sum(contraction.flops for contraction in contractions))
    return Work(name, template, "{}", contractions, flops or 1e4, 0.0, size, weights)


def rounds(*seconds: float, count: int = 12, preemptions: int = 0) -> list[Round]:
    return [Round(list(seconds), preemptions, PEAK, STREAMED, CACHED)] * count


WORK = [
    work("fast", conv()),
    work("slow", conv()),
    work("winograd", conv(), template="conv_winograd/1"),
    work("depthwise", Contraction("depthwise", "64<-64", 10**6, 1, 1, 3136, 1)),
    work("pool", template="planes/1"),
]
SECONDS = (1.25e-3, 4e-3, 0.5e-3, 1e-3, 1e-4)


def test_the_weighted_part_of_the_peak_is_of_direct_sums_of_products() -> None:
    table = kernel_table("net", "host", 16, WORK, rounds(*SECONDS))
    assert [kernel.of_peak for kernel in table.kernels[:3]] == pytest.approx([0.8, 0.25, 2.0])
    assert table.weighted_of_peak == pytest.approx((0.8 * 1.25 + 0.25 * 4) / 5.25)
    assert [kernel.work.name for kernel in slow_kernels(table)] == ["slow"]
    assert list(seconds_by_kind(table)) == ["conv", "depthwise", "winograd", "other"]


def test_interrupted_rounds_do_not_count_if_enough_others_do() -> None:
    busy = rounds(*(10 * s for s in SECONDS), preemptions=1)
    table = kernel_table("net", "host", 16, WORK, [*rounds(*SECONDS), *busy])
    assert (table.rounds, table.taken) == (12, 24)
    assert table.kernels[0].median_seconds == pytest.approx(SECONDS[0])
    assert "12 runs (12 more were interrupted and do not count)" in kernel_text(table)
    few = kernel_table("net", "host", 16, WORK, [*rounds(*SECONDS, count=3), *busy])
    assert (few.rounds, few.taken) == (15, 15)
    assert "15 runs (12 were interrupted: medians are too high" in kernel_text(few)
    assert few.kernels[0].best_of_peak == pytest.approx(0.8)


def test_the_text_says_how_winograd_is_counted_and_names_slow_kernels() -> None:
    text = kernel_text(kernel_table("net", "host", 16, WORK, rounds(*SECONDS)))
    assert (
        "winograd: 500 us, 7.3% of the time, 200.0 GFLOP/s (of the direct algorithm: effective, not executed)" in text
    )
    assert "weighted by their time: 38.1% of the measured peak" in text
    assert "  - 64<-64 (direct/1, 1 call, 58.4% of the time): 25%: neither memory nor its shape" in text


@pytest.mark.parametrize(
    ("item", "seconds", "reason"),
    [
        (work("gemv", conv(10**6, pixels=1), size=4e6, weights=4e6), 5e-4, "memory: 0.25 operations per byte"),
        (work("stem", conv(channels=3)), 2e-3, "few channels: sums over 3"),
        (work("narrow", conv(outputs=24)), 2e-3, "lanes: 24 output channels fill 75% of vectors of 16"),
        (work("last", conv(pixels=49)), 2e-3, "few pixels: 49"),
        (work("strided", conv(stride=2)), 2e-3, "stride 2"),
        (work("tiny", conv(10**4)), 2e-6, "short: 2.0 us"),
        (Work("gelu", "t", "{}", (conv(),), 1e8, 2e7, 1e6, 0.0), 2e-3, "epilogue: 17%"),
    ],
    ids=lambda value: value.name if isinstance(value, Work) else None,
)
def test_a_slow_kernel_gets_its_reason(item: Work, seconds: float, reason: str) -> None:
    table = kernel_table("net", "host", 16, [item], rounds(seconds))
    assert any(found.startswith(reason) for found in reasons(table.kernels[0], table))


def test_a_kernel_without_an_excuse_has_none() -> None:
    table = kernel_table("net", "host", 16, [work("plain", conv())], rounds(2e-3))
    assert reasons(table.kernels[0], table) == []


def test_every_target_has_flags_for_its_vectors() -> None:
    assert {(target.isa, target.vector_bytes) for target in TARGETS} <= FLAGS.keys()


def test_the_probe_measures_this_machine(tmp_path: Path) -> None:
    target = resolve("host")
    probe = Probe(build_probe(find_compiler(target), tmp_path))
    peaks = [probe.flops_per_second() for _ in range(5)]
    assert 1e9 < max(peaks) < 2 * target.peak_flops_per_cycle * 7e9, "no processor runs at 7 GHz"
    assert max(peaks) > 0.25 * target.peak_flops_per_cycle * 1e9
    assert 1e8 < probe.streamed_bytes_per_second() < probe.cached_bytes_per_second() * 4 < 1e13


def test_a_model_is_measured_call_by_call(tmp_path: Path) -> None:
    table = measure_kernels("digits", digits_model(), tmp_path, seconds=0.1)
    assert len({kernel.work.name for kernel in table.kernels}) == len(table.kernels) > 3
    first = table.kernels[0].work
    assert (first.kind, first.contractions[0].shape) == ("conv", "16<-1 3x3/1 8x8")
    assert first.flops == 2 * 16 * (8 * 3 - 2) ** 2
    assert first.weight_bytes >= 16 * 9 * 4
    assert sum(kernel.share for kernel in table.kernels) == pytest.approx(1.0)
    assert 0 < (table.weighted_of_peak or 0) < 1
    assert all(0 < kernel.best_seconds <= kernel.median_seconds for kernel in table.kernels)
