"""x86-64-v4: AVX-512 without its later extensions. Figures are those of Skylake servers, the first of them.

Source: as for ``skylake_avx512``. Zen 4 runs the same code at one 512-bit FMA per cycle.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from compiler.targets.devices.skylake_avx512 import SKYLAKE_AVX512

X86_64_V4: Final = replace(
    SKYLAKE_AVX512,
    name="x86-64-v4",
    description="x86-64 with AVX-512 F, BW, CD, DQ and VL: Skylake servers, Zen 4 and later",
    mcpu="x86-64-v4",
)
