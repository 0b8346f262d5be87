"""x86-64-v2: any x86 server or desktop since 2009. Figures are those of Nehalem, the first of them.

Source: Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), chapter on Nehalem: one
128-bit multiply and one 128-bit add start per cycle, add latency 3, one 128-bit load; 32 KiB L1D, 256 KiB L2,
8 MiB L3 for 4 cores.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

X86_64_V2: Final = Target(
    name="x86-64-v2",
    description="x86-64 with SSE4.2: every server and desktop since 2009",
    isa="x86_64",
    mcpu="x86-64-v2",
    features=features.X86_64_V2,
    vector_bytes=16,
    vector_registers=16,
    fma_ports=1,
    fma_latency=3,
    load_ports=1,
    l1d_bytes=32 << 10,
    l2_bytes=256 << 10,
    l3_bytes=2 << 20,
    min_glibc="2.28",
    qemu_cpu="max",
)
