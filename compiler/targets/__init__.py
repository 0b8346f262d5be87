"""What a device is: ISA, vector width, caches, ABI and features, as pure data.

Knows nothing of graphs, passes or code generation. ``python -m compiler.targets`` prints the table.
"""

from compiler.targets.cpuinfo import CpuInfo, read_cpuinfo
from compiler.targets.host import host_target
from compiler.targets.llvm import LlvmTarget, llvm_target_dict
from compiler.targets.resolve import resolve, target_names
from compiler.targets.table import ALIASES, TARGETS
from compiler.targets.target import Target, TargetError

__all__ = [
    "ALIASES",
    "TARGETS",
    "CpuInfo",
    "LlvmTarget",
    "Target",
    "TargetError",
    "host_target",
    "llvm_target_dict",
    "read_cpuinfo",
    "resolve",
    "target_names",
]
