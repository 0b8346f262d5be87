"""AMD Zen 5 with the full 512-bit data path of the server and desktop parts.

Source: Software Optimization Guide for the AMD Zen5 Microarchitecture (58455): two 512-bit FMA per cycle,
latency 4; two 512-bit loads per cycle; eight operations dispatched per cycle; 48 KiB L1D, 1 MiB L2, 32 MiB of
L3 for 8 cores.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

ZNVER5: Final = Target(
    name="znver5",
    description="AMD Zen 5 (EPYC 9005, Ryzen 9000), with VNNI and BF16",
    isa="x86_64",
    mcpu="znver5",
    features=(*features.ICELAKE, "avx512_bf16", "avx_vnni", "sse4a"),
    vector_bytes=64,
    vector_registers=32,
    fma_ports=2,
    fma_latency=4,
    load_ports=2,
    issue_width=8,
    l1d_bytes=48 << 10,
    l2_bytes=1 << 20,
    l3_bytes=4 << 20,
    min_glibc="2.28",
)
