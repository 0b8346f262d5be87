"""AMD Zen 3: AVX2 with two multiply-adds a cycle.

Source: Software Optimization Guide for AMD Family 19h Processors (56665): two 256-bit FMA pipes, latency 4; three loads
per cycle, of which two may have 256 bits; six operations dispatched per cycle; 32 KiB L1D, 512 KiB L2, 32 MiB of L3 for
8 cores.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

ZNVER3: Final = Target(
    name="znver3",
    description="AMD Zen 3 (EPYC 7003, Ryzen 5000)",
    isa="x86_64",
    mcpu="znver3",
    features=(*features.X86_64_V3, "sse4a"),
    vector_bytes=32,
    vector_registers=16,
    fma_ports=2,
    fma_latency=4,
    load_ports=2,
    issue_width=6,
    l1d_bytes=32 << 10,
    l2_bytes=512 << 10,
    l3_bytes=4 << 20,
    min_glibc="2.28",
)
