"""Names of CPU features, and what they imply. Owns the spelling; knows nothing of a particular device.

A feature is spelled as Linux prints it in ``/proc/cpuinfo`` (``flags`` on x86, ``Features`` on Arm), because
that is what a machine says of itself and what an artifact is checked against. A target requires every feature
that its compiler may use on its own account; instructions that only an explicit intrinsic reaches (AES, SHA,
CRC, RDRAND …) are left out, since Kiln emits none of them and many boards lack them.

x86 levels: System V psABI for x86-64, section 3.1.1 "Processor Architecture".
"""

from __future__ import annotations

from typing import Final

X86_64_V2: Final = ("pni", "ssse3", "sse4_1", "sse4_2", "popcnt", "cx16", "lahf_lm")
X86_64_V3: Final = (*X86_64_V2, "avx", "avx2", "f16c", "fma", "bmi1", "bmi2", "abm", "movbe")
X86_64_V4: Final = (*X86_64_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
ICELAKE: Final = (
    *X86_64_V4,
    "avx512ifma",
    "avx512vbmi",
    "avx512_vbmi2",
    "avx512_bitalg",
    "avx512_vpopcntdq",
    "avx512_vnni",
    "gfni",
)
ARMV8_0: Final = ("fp", "asimd")
ARMV8_2: Final = (*ARMV8_0, "atomics", "asimdrdm", "fphp", "asimdhp", "asimddp")
ARMV7_NEON: Final = ("neon", "vfpv4", "idiva", "idivt")

LLVM_ATTRIBUTES: Final[dict[str, dict[str, str]]] = {
    "x86_64": {
        "pni": "sse3",
        "ssse3": "ssse3",
        "sse4_1": "sse4.1",
        "sse4_2": "sse4.2",
        "sse4a": "sse4a",
        "popcnt": "popcnt",
        "cx16": "cx16",
        "lahf_lm": "sahf",
        "avx": "avx",
        "avx2": "avx2",
        "f16c": "f16c",
        "fma": "fma",
        "bmi1": "bmi",
        "bmi2": "bmi2",
        "abm": "lzcnt",
        "movbe": "movbe",
        "avx512f": "avx512f",
        "avx512bw": "avx512bw",
        "avx512cd": "avx512cd",
        "avx512dq": "avx512dq",
        "avx512vl": "avx512vl",
        "avx512ifma": "avx512ifma",
        "avx512vbmi": "avx512vbmi",
        "avx512_vbmi2": "avx512vbmi2",
        "avx512_bitalg": "avx512bitalg",
        "avx512_vpopcntdq": "avx512vpopcntdq",
        "avx512_vnni": "avx512vnni",
        "avx512_bf16": "avx512bf16",
        "avx512_fp16": "avx512fp16",
        "avx_vnni": "avxvnni",
        "gfni": "gfni",
    },
    "aarch64": {
        "fp": "fp-armv8",
        "asimd": "neon",
        "atomics": "lse",
        "asimdrdm": "rdm",
        "fphp": "fullfp16",
        "asimdhp": "fullfp16",
        "asimddp": "dotprod",
        "i8mm": "i8mm",
        "bf16": "bf16",
    },
    "arm": {
        "neon": "neon",
        "vfpv4": "vfp4",
        "idiva": "hwdiv-arm",
        "idivt": "hwdiv",
    },
}
"""Per ISA, every feature that a target may require, with LLVM's name of it."""

FMA_FEATURES: Final = frozenset({"fma", "asimd", "vfpv4"})
"""Any one of these gives fused multiply-add on vectors of float32."""

BY_ELEMENT_FEATURES: Final = frozenset({"asimd"})
"""Any one of these multiplies a vector of float32 by one element of another in a multiply-add, at no extra cost."""

DOT_PRODUCTS: Final = {"avx512_vnni": "vnni", "avx_vnni": "vnni", "asimddp": "dotprod", "i8mm": "i8mm"}
"""Features that add groups of four int8 products to an int32 lane, by the kind that a template asks for."""

BF16_FEATURES: Final = frozenset({"avx512_bf16", "bf16"})
"""Any one of these gives a bfloat16 dot product that accumulates in float32."""
