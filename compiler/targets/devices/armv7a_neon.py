"""32-bit Arm with NEON and fused multiply-add: a Raspberry Pi 2, 3 or 4 with a 32-bit system.

The code runs on any ARMv7-A core with VFPv4 (Cortex-A7, A12, A15, A17) and on ARMv8 cores in their 32-bit
state; Cortex-A8 and A9 have no fused multiply-add. Figures are those of a Cortex-A53 in 32-bit state (see
``arm_cortex_a53``), the core of the
board that most such systems run on: 16 registers of 128 bits instead of 32.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

ARMV7A_NEON: Final = Target(
    name="armv7a_neon",
    description="ARMv7-A, 32-bit hard float with NEON and VFPv4 (Raspberry Pi 2 to 4, 32-bit system)",
    isa="arm",
    mcpu="generic",
    mattr=("+armv7-a", "+neon", "+vfp4", "+hwdiv", "+hwdiv-arm"),
    features=features.ARMV7_NEON,
    vector_bytes=16,
    vector_registers=16,
    fma_ports=1,
    fma_latency=10,
    load_ports=0.5,
    issue_width=2,
    l1d_bytes=32 << 10,
    l1d_way_bytes=8 << 10,
    l2_bytes=128 << 10,
    min_glibc="2.28",
    qemu_cpu="cortex-a15",
)
