"""The devices that Kiln knows by name, and other names for them. The one place to add either."""

from __future__ import annotations

from typing import Final

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
from compiler.targets.target import Target

TARGETS: Final[tuple[Target, ...]] = (
    X86_64_V2,
    X86_64_V3,
    X86_64_V4,
    SKYLAKE_AVX512,
    CASCADELAKE,
    ICELAKE_SERVER,
    ZNVER3,
    ZNVER4,
    ZNVER5,
    ARM_CORTEX_A53,
    ARM_CORTEX_A72,
    ARM_CORTEX_A76,
    NEOVERSE_N1,
    ARMV7A_NEON,
)
"""Every device but ``host``, which ``compiler.targets.host`` detects when somebody asks for it."""

ALIASES: Final[dict[str, str]] = {
    # SageMaker Neo's cloud instances, by the oldest processor that the family is rented with.
    "ml_m4": "x86-64-v3",
    "ml_c4": "x86-64-v3",
    "ml_m5": "skylake-avx512",
    "ml_c5": "skylake-avx512",
    "ml_m6i": "icelake-server",
    "ml_c6i": "icelake-server",
    "ml_m6a": "znver3",
    "ml_c6a": "znver3",
    "ml_m7a": "znver4",
    "ml_c7a": "znver4",
    "ml_m6g": "neoverse_n1",
    "ml_c6g": "neoverse_n1",
    # SageMaker Neo's edge devices, by their main CPU; accelerators on the same chip are not used.
    "rasp3b": "armv7a_neon",  # Neo compiles for the board's default system, which is 32-bit
    "rasp4b": "arm_cortex_a72",
    "rk3288": "armv7a_neon",  # Cortex-A17
    "rk3399": "arm_cortex_a72",  # two A72 beside four A53, which run the same code
    "aisage": "arm_cortex_a72",  # an RK3399
    "imx8qm": "arm_cortex_a72",  # two A72 beside four A53
    "imx8mplus": "arm_cortex_a53",
    "jacinto_tda4vm": "arm_cortex_a72",
    "jetson_nano": "arm_cortex_a72",  # Cortex-A57: the same instructions and, in LLVM, the same schedule
    "jetson_tx1": "arm_cortex_a72",  # Cortex-A57
    "sitara_am57x": "armv7a_neon",  # Cortex-A15
    "deeplens": "x86-64-v2",  # Atom E3930: SSE4.2 and no AVX
    # Boards and clouds by what people call them.
    "rasp5": "arm_cortex_a76",
    "graviton2": "neoverse_n1",
    "zen3": "znver3",
    "zen4": "znver4",
    "zen5": "znver5",
}
"""Other names of targets. One that would promise more than the target gives (a GPU, an NPU) is not here."""
