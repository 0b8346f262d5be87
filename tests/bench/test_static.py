"""`python -m bench.static`: the table of a small network, and what it refuses."""

from __future__ import annotations

import pytest

from bench.models.digits import digits_model
from bench.static import kernel_table, main, static_kernels, weighted_of_peak
from compiler.targets import resolve


def test_every_kernel_of_a_network_has_a_row() -> None:
    kernels = static_kernels(digits_model(), resolve("arm_cortex_a72"))
    assert {"conv_blocked"} <= {kernel.template for kernel in kernels}
    assert all(0 < kernel.time.of_peak <= kernel.time.loop_time.of_peak <= 1 for kernel in kernels)
    assert min(k.time.of_peak for k in kernels) < weighted_of_peak(kernels) < max(k.time.of_peak for k in kernels)
    text = kernel_table(kernels)
    assert all(kernel.shape in text and kernel.config in text for kernel in kernels)


def test_unknown_names_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonesuch"]) == 2
    assert main(["digits", "--target", "nonesuch"]) == 2
    assert capsys.readouterr().err.count("nonesuch") == 2
