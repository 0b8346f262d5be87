"""What a process of MetaSchedule's builder does with a candidate: its default, without what takes longest.

The default imports the tensor intrinsics of all targets first (``intrinsics``), in every batch, as the builder starts
processes anew for each. What is built here was scheduled already: it names no intrinsic.
"""

from __future__ import annotations

from collections.abc import Mapping

import tvm
from tvm.s_tir.transform import RemoveWeightLayoutRewriteBlock


def build(
    module: tvm.IRModule, target: tvm.target.Target, params: Mapping[str, tvm.runtime.Tensor] | None
) -> tvm.runtime.Module:
    """The library of a scheduled module, in which weights come in the layout that the kernel wants."""
    return tvm.tirx.build(RemoveWeightLayoutRewriteBlock(skip_tensor_rewrite=True)(module), target=target)
