"""Weights as a kernel of MetaSchedule wants them: what its search left to be done once, before the kernel runs."""

from __future__ import annotations

from typing import cast

import tvm
from tvm import s_tir, tirx

PREPROCESSING = "meta_schedule.layout_rewrite_preproc"
"""Marks the block that brings weights into the layout of the kernel behind it."""


def rewritten_weights(
    module: tvm.IRModule, index: int, weights: tvm.runtime.Tensor, target: tvm.target.Target
) -> tvm.runtime.Tensor:
    """The argument ``index`` of a scheduled module's function as its library takes it, in which that block is left out;
    the weights as they are if there is no such block."""
    function = module["main"]
    found = _preprocessing(function)
    if found is None:
        return weights
    loops, rewritten = found
    root = s_tir.SBlockRealize([], True, s_tir.SBlock([], [], [], "root", loops))
    alone = tirx.PrimFunc([function.params[index], rewritten], root).with_attr("global_symbol", "rewrite")
    stored = tvm.runtime.empty([int(size) for size in rewritten.ty.shape], str(rewritten.ty.dtype))
    tvm.compile(tvm.IRModule({"rewrite": alone}), target=target)["rewrite"](weights, stored)
    return stored


def _preprocessing(function: tirx.PrimFunc) -> tuple[tirx.Stmt, tirx.Var] | None:
    """The loops around the marked block, and the buffer that it writes."""
    body = function.body.block.body
    for part in body.seq if isinstance(body, tirx.SeqStmt) else [body]:
        inner = part
        while isinstance(inner, tirx.For):
            inner = inner.body
        if isinstance(inner, s_tir.SBlockRealize) and PREPROCESSING in inner.block.annotations:
            return part, cast(tirx.Var, inner.block.writes[0].source)
    return None
