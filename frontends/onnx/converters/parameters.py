"""How converters read parameters that ONNX moved from attributes to inputs."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.ir.ops.broadcasting import normalize_axis
from frontends.onnx.context import NodeContext


def constant_ints(ctx: NodeContext, index: int, what: str) -> tuple[int, ...]:
    """The known integers of input ``index``, a list or one number; Unsupported if they depend on data."""
    return tuple(int(v) for v in ctx.require_constant(index, what).reshape(-1))


def normalized_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """The axes as sorted numbers from 0, each once; InferenceError if one is out of range."""
    return tuple(sorted({normalize_axis(axis, rank) for axis in axes}))
