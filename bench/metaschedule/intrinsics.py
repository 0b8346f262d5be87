"""TVM's tensor intrinsics of this kind of processor, without those of all others.

MetaSchedule imports the package of all of them, GPUs' included, which parses two hundred functions and takes tens of
seconds; in a process of its builder on a busy machine, longer than the limit of 30 seconds for a candidate.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import tvm.s_tir

PACKAGE = "tvm.s_tir.tensor_intrin"
MODULES = {"x86_64": ("x86",), "aarch64": ("arm_cpu",)}
"""The modules whose intrinsics MetaSchedule's default rules name, by instruction set."""


def import_intrinsics(isa: str) -> None:
    """Register the intrinsics of ``isa``, and let a later import of those of all targets do nothing."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(Path(tvm.s_tir.__file__).with_name("tensor_intrin"))]
    sys.modules[PACKAGE] = package
    for name in MODULES.get(isa, ()):
        importlib.import_module(f"{PACKAGE}.{name}")
