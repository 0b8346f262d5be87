"""Detects the machine Kiln runs on and describes it as a target. Deterministic: one machine, one answer.

A processor that the table knows gets that entry, so that ``host`` and its name share tuning records; any
other gets the highest entry all of whose features it has. Caches are those that the kernel reports.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Final

from compiler.targets.cpuinfo import Caches, CpuInfo, Model, read_caches, read_cpuinfo
from compiler.targets.devices.arm_cortex_a53 import ARM_CORTEX_A53
from compiler.targets.devices.arm_cortex_a72 import ARM_CORTEX_A72
from compiler.targets.devices.arm_cortex_a76 import ARM_CORTEX_A76
from compiler.targets.devices.armv7a_neon import ARMV7A_NEON
from compiler.targets.devices.cascadelake import CASCADELAKE
from compiler.targets.devices.icelake_server import ICELAKE_SERVER
from compiler.targets.devices.neoverse_n1 import NEOVERSE_N1
from compiler.targets.devices.skylake_avx512 import SKYLAKE_AVX512
from compiler.targets.devices.x86_64_v2 import X86_64_V2
from compiler.targets.devices.x86_64_v3 import X86_64_V3
from compiler.targets.devices.x86_64_v4 import X86_64_V4
from compiler.targets.devices.znver3 import ZNVER3
from compiler.targets.devices.znver4 import ZNVER4
from compiler.targets.devices.znver5 import ZNVER5
from compiler.targets.features import LLVM_ATTRIBUTES
from compiler.targets.target import Target, TargetError

# Family and model numbers: Intel Software Developer's Manual volume 4, table 2-1; AMD's Processor Programming
# References.
_X86_MODELS: Final[tuple[tuple[str, int, range, Target], ...]] = (
    ("GenuineIntel", 6, range(0x55, 0x56), CASCADELAKE),  # Cascade Lake, Cooper Lake
    ("GenuineIntel", 6, range(0x55, 0x56), SKYLAKE_AVX512),
    ("GenuineIntel", 6, range(0x6A, 0x6B), ICELAKE_SERVER),
    ("GenuineIntel", 6, range(0x6C, 0x6D), ICELAKE_SERVER),  # Ice Lake D
    ("GenuineIntel", 6, range(0x8F, 0x90), ICELAKE_SERVER),  # Sapphire Rapids
    ("GenuineIntel", 6, range(0xCF, 0xD0), ICELAKE_SERVER),  # Emerald Rapids
    ("GenuineIntel", 6, range(0xAD, 0xAF), ICELAKE_SERVER),  # Granite Rapids
    ("AuthenticAMD", 0x19, range(0x10), ZNVER3),
    ("AuthenticAMD", 0x19, range(0x20, 0x60), ZNVER3),
    ("AuthenticAMD", 0x19, range(0x10, 0x20), ZNVER4),
    ("AuthenticAMD", 0x19, range(0x60, 0x80), ZNVER4),
    ("AuthenticAMD", 0x19, range(0xA0, 0xB0), ZNVER4),
    ("AuthenticAMD", 0x1A, range(0x100), ZNVER5),
)
_X86_LEVELS: Final = (X86_64_V4, X86_64_V3, X86_64_V2)
_X86_EXTRAS: Final = ("avx512_vnni", "avx512_bf16", "avx_vnni")

# Part numbers: the Main ID Register in each core's Technical Reference Manual.
_ARM: Final = "0x41"
_ARM_PARTS: Final[dict[int, Target]] = {
    0xD03: ARM_CORTEX_A53,
    0xD07: ARM_CORTEX_A72,  # Cortex-A57
    0xD08: ARM_CORTEX_A72,
    0xD09: ARM_CORTEX_A72,  # Cortex-A73
    0xD0B: ARM_CORTEX_A76,
    0xD0D: ARM_CORTEX_A76,  # Cortex-A77
    0xD41: ARM_CORTEX_A76,  # Cortex-A78
    0xD0C: NEOVERSE_N1,
}
_ARM_LEVELS: Final = (
    replace(NEOVERSE_N1, mcpu="generic", mattr=("+lse", "+rdm", "+fullfp16", "+dotprod")),
    replace(ARM_CORTEX_A72, mcpu="generic"),
)
_ARM_EXTRAS: Final = ("asimddp", "i8mm", "bf16")


@functools.cache
def host_target() -> Target:
    """This machine, named ``host``.

    Raises:
        TargetError: not a Linux machine, or one that lacks what the lowest target needs.
    """
    return detect(read_cpuinfo(), read_caches())


def detect(info: CpuInfo, caches: Caches | None) -> Target:
    """The target named ``host`` for a machine that says ``info`` and ``caches`` of itself.

    Raises:
        TargetError: the processor lacks what the lowest target of its ISA needs.
    """
    candidates, extras = _candidates(info)
    base = next((target for target in candidates if info.features.issuperset(target.features)), None)
    if base is None:
        missing = ", ".join(sorted(set(candidates[-1].features) - info.features))
        raise TargetError(f"this processor lacks {missing}: {candidates[-1].name} is the least that Kiln supports")
    added = tuple(name for name in extras if name in info.features and name not in base.features)
    base = replace(
        base,
        name="host",
        description=f"this machine ({base.name}{''.join(f' + {name}' for name in added)})",
        features=(*base.features, *added),
        mattr=(*base.mattr, *(f"+{LLVM_ATTRIBUTES[info.isa][name]}" for name in added)),
        min_glibc=None,
    )
    if caches is None or len(info.models) > 1:
        return base  # where cores differ, the caches of the first one are not those of the fastest
    return replace(
        base,
        l1d_bytes=caches.l1d_bytes,
        l2_bytes=caches.l2_bytes,
        l3_bytes=caches.l3_bytes,
        cache_line_bytes=caches.line_bytes,
    )


def _candidates(info: CpuInfo) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Targets to try, best first, and the features worth adding to whichever fits."""
    if info.isa == "arm":
        return (ARMV7A_NEON,), ()
    known = [target for model in info.models for target in _known(model, info.isa)]
    known.sort(key=lambda target: -target.peak_flops_per_cycle)  # stable: of unlike cores, the fastest decides
    if info.isa == "x86_64":
        return (*known, *_X86_LEVELS), _X86_EXTRAS
    return (*known, *_ARM_LEVELS), _ARM_EXTRAS


def _known(model: Model, isa: str) -> list[Target]:
    if isa == "x86_64":
        return [
            target
            for vendor, family, models, target in _X86_MODELS
            if (vendor, family) == (model.vendor, model.family) and model.model in models
        ]
    return [_ARM_PARTS[model.model]] if model.vendor == _ARM and model.model in _ARM_PARTS else []
