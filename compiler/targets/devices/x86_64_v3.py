"""x86-64-v3: AVX2 and FMA. Figures are those of Haswell, the first of them.

Source: Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), chapter on Haswell: two
256-bit FMA per cycle, latency 5, two 256-bit loads; 32 KiB L1D, 256 KiB L2, 2.5 MiB of L3 per core in
servers.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

X86_64_V3: Final = Target(
    name="x86-64-v3",
    description="x86-64 with AVX2 and FMA: Haswell, Zen and later",
    isa="x86_64",
    mcpu="x86-64-v3",
    features=features.X86_64_V3,
    vector_bytes=32,
    vector_registers=16,
    fma_ports=2,
    fma_latency=5,
    load_ports=2,
    l1d_bytes=32 << 10,
    l2_bytes=256 << 10,
    l3_bytes=2560 << 10,
    min_glibc="2.28",
    qemu_cpu="max",
)
