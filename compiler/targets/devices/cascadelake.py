"""Intel Cascade Lake servers: Skylake's cores with the int8 dot product.

Source: as for ``skylake_avx512``; Intel Architecture Instruction Set Extensions Programming Reference (319433) on
AVX512_VNNI.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from compiler.targets.devices.skylake_avx512 import SKYLAKE_AVX512

CASCADELAKE: Final = replace(
    SKYLAKE_AVX512,
    name="cascadelake",
    description="Intel Xeon, 2nd generation Scalable (Cascade Lake), with VNNI",
    mcpu="cascadelake",
    features=(*SKYLAKE_AVX512.features, "avx512_vnni"),
)
