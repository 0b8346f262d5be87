"""Arm Cortex-A53, in order, as in the Raspberry Pi 3 with a 64-bit system.

Source: caches of the BCM2837 in Raspberry Pi's documentation (32 KiB L1D, 512 KiB L2 for 4 cores); Arm
published no optimization guide for this core, so the timing is that of LLVM's A53 scheduling model, which Arm
contributed: one pipe for multiply-adds, latency 10; two instructions per cycle. A 128-bit load occupies the
64-bit path to the cache for two cycles.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

ARM_CORTEX_A53: Final = Target(
    name="arm_cortex_a53",
    description="Arm Cortex-A53, 64-bit (Raspberry Pi 3, i.MX 8M)",
    isa="aarch64",
    mcpu="cortex-a53",
    features=features.ARMV8_0,
    vector_bytes=16,
    vector_registers=32,
    fma_ports=1,
    fma_latency=10,
    load_ports=0.5,
    issue_width=2,
    l1d_bytes=32 << 10,
    l1d_way_bytes=8 << 10,
    l2_bytes=128 << 10,
    min_glibc="2.28",
    qemu_cpu="cortex-a53",
)
