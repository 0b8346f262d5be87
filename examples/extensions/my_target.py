"""A target from outside the tree: a board whose figures differ from those of the target that comes closest.

    python -m compiler.build model.onnx --target my_target.py:BEAGLEPLAY
    python -m compiler.targets my_target.py:BEAGLEPLAY

Source: Texas Instruments, AM62x Sitara Processors data sheet: four Cortex-A53, 32 KiB of L1 data cache each, 512 KiB
of L2 shared. The timing of the core is that of ``arm_cortex_a53``.
"""

from __future__ import annotations

from compiler.targets import Target

BEAGLEPLAY = Target(
    name="beagleplay",
    description="BeaglePlay (TI AM625, four Cortex-A53), Debian 11 or newer",
    isa="aarch64",
    mcpu="cortex-a53",
    features=("fp", "asimd"),
    vector_bytes=16,
    vector_registers=32,
    fma_ports=1,
    fma_latency=10,
    load_ports=0.5,
    l1d_bytes=32 << 10,
    l2_bytes=128 << 10,
    min_glibc="2.31",
    qemu_cpu="cortex-a53",
)
