"""Intel Ice Lake servers: the first with a 512-bit int8 dot product on every part.

Source: Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), chapter on Ice Lake: two
512-bit FMA per cycle, latency 4, two 512-bit loads; five instructions decoded per cycle; 48 KiB L1D, 1.25 MiB
L2 and 1.5 MiB of L3 per core in servers.
"""

from __future__ import annotations

from typing import Final

from compiler.targets import features
from compiler.targets.target import Target

ICELAKE_SERVER: Final = Target(
    name="icelake-server",
    description="Intel Xeon, 3rd generation Scalable (Ice Lake), with VNNI",
    isa="x86_64",
    mcpu="icelake-server",
    features=features.ICELAKE,
    vector_bytes=64,
    vector_registers=32,
    fma_ports=2,
    fma_latency=4,
    load_ports=2,
    issue_width=5,
    l1d_bytes=48 << 10,
    l2_bytes=1280 << 10,
    l3_bytes=1536 << 10,
    min_glibc="2.28",
)
