"""Intel Skylake servers.

Source: Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), chapter on Skylake Server:
two 512-bit FMA per cycle (ports 0+1 fused, and 5), latency 4, two 512-bit loads; 32 KiB L1D, 1 MiB L2, 1.375
MiB of L3 per core.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

SKYLAKE_AVX512: Final = Target(
    name="skylake-avx512",
    description="Intel Xeon, 1st generation Scalable (Skylake)",
    isa="x86_64",
    mcpu="skylake-avx512",
    features=features.X86_64_V4,
    vector_bytes=64,
    vector_registers=32,
    fma_ports=2,
    fma_latency=4,
    load_ports=2,
    l1d_bytes=32 << 10,
    l2_bytes=1 << 20,
    l3_bytes=1408 << 10,
    min_glibc="2.28",
)
