"""Arm Cortex-A72, as in the Raspberry Pi 4 with a 64-bit system.

Source: Cortex-A72 Software Optimization Guide (UAN 0016A): multiply-adds of 128 bits start once per cycle
over the two 64-bit pipes, latency 7 with late forwarding of the accumulator after 3; one load pipe; three
instructions decoded per cycle. Caches of the BCM2711 in Raspberry Pi's documentation: 32 KiB L1D, 1 MiB L2
for 4 cores.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

ARM_CORTEX_A72: Final = Target(
    name="arm_cortex_a72",
    description="Arm Cortex-A72, 64-bit (Raspberry Pi 4, i.MX 8, RK3399)",
    isa="aarch64",
    mcpu="cortex-a72",
    features=features.ARMV8_0,
    vector_bytes=16,
    vector_registers=32,
    fma_ports=1,
    fma_latency=3,
    load_ports=1,
    issue_width=3,
    l1d_bytes=32 << 10,
    l1d_way_bytes=16 << 10,
    l2_bytes=256 << 10,
    min_glibc="2.28",
    qemu_cpu="cortex-a72",
)
