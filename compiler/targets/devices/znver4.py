"""AMD Zen 4: AVX-512 on a 256-bit data path.

Source: Software Optimization Guide for the AMD Zen4 Microarchitecture (57647): two 256-bit FMA pipes, so one
512-bit FMA per cycle, latency 4; two 256-bit loads per cycle; six operations dispatched per cycle; 32 KiB
L1D, 1 MiB L2, 32 MiB of L3 for 8 cores.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

ZNVER4: Final = Target(
    name="znver4",
    description="AMD Zen 4 (EPYC 9004, Ryzen 7000), with VNNI and BF16",
    isa="x86_64",
    mcpu="znver4",
    features=(*features.ICELAKE, "avx512_bf16", "sse4a"),
    vector_bytes=64,
    vector_registers=32,
    fma_ports=1,
    fma_latency=4,
    load_ports=1,
    issue_width=6,
    l1d_bytes=32 << 10,
    l2_bytes=1 << 20,
    l3_bytes=4 << 20,
    min_glibc="2.28",
)
