"""The machine's target in TVM's words."""

from __future__ import annotations

import tvm

from compiler.targets import Target
from compiler.targets.llvm import llvm_target_dict


def tvm_target(target: Target) -> tvm.target.Target:
    """A target for kernels that run on one core."""
    return tvm.target.Target({**llvm_target_dict(target), "num-cores": 1})
