"""Arm Cortex-A76, as in the Raspberry Pi 5, with the int8 dot product.

Source: Arm Cortex-A76 Software Optimization Guide (PJDOC-466751330-7215): two 128-bit multiply-adds per
cycle, latency 4 with late forwarding of the accumulator after 2; two 128-bit loads. Caches of the BCM2712 in
Raspberry Pi's documentation: 64 KiB L1D, 512 KiB L2 per core, 2 MiB L3 for 4 cores.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

ARM_CORTEX_A76: Final = Target(
    name="arm_cortex_a76",
    description="Arm Cortex-A76, 64-bit (Raspberry Pi 5, RK3588), with dot product",
    isa="aarch64",
    mcpu="cortex-a76",
    features=features.ARMV8_2,
    vector_bytes=16,
    vector_registers=32,
    fma_ports=2,
    fma_latency=2,
    load_ports=2,
    l1d_bytes=64 << 10,
    l1d_way_bytes=16 << 10,
    l2_bytes=512 << 10,
    l3_bytes=512 << 10,
    min_glibc="2.28",
    qemu_cpu="cortex-a76",
)
