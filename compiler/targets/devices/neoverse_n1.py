"""Arm Neoverse N1, as in AWS Graviton2 and Ampere Altra.

Source: Arm Neoverse N1 Software Optimization Guide (PJDOC-466751330-9707): two 128-bit multiply-adds per
cycle, latency 4 with late forwarding of the accumulator after 2; two 128-bit loads. Caches of Graviton2: 64
KiB L1D, 1 MiB L2 per core, 32 MiB L3 for 64 cores.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

NEOVERSE_N1: Final = Target(
    name="neoverse_n1",
    description="Arm Neoverse N1 (AWS Graviton2, Ampere Altra), with dot product",
    isa="aarch64",
    mcpu="neoverse-n1",
    features=features.ARMV8_2,
    vector_bytes=16,
    vector_registers=32,
    fma_ports=2,
    fma_latency=2,
    load_ports=2,
    l1d_bytes=64 << 10,
    l1d_way_bytes=16 << 10,
    l2_bytes=1 << 20,
    l3_bytes=512 << 10,
    min_glibc="2.28",
    qemu_cpu="neoverse-n1",
)
