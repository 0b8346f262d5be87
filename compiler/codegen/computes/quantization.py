"""Rows of quantize and dequantize: pointwise, with operands of mixed element types."""

from __future__ import annotations

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen import math
from compiler.codegen.computes.interface import Compute, Pointwise
from compiler.codegen.tir import Binder, cast, element_type, literal
from compiler.ir import Op
from compiler.ir.ops import quantization

STEP_LIMIT = 2.0**30
"""Where rounded quotients are clamped before they become integers: far beyond every narrow type."""


def _wide_integer(kind: str) -> str:
    """An integer type in which sums and differences of ``kind`` are exact."""
    return "int64" if kind in ("int32", "uint32") else "int32"


def _quantize(k: Binder, op: Op, x: Expr, scale: Expr, zero_point: Expr) -> Expr:
    kind = element_type(zero_point)
    wide = _wide_integer(kind)
    steps = k.let(math.round_half_even(tirx.Div(x, scale)), "steps")
    if wide == "int32":
        steps = k.let(_clamped(steps, -STEP_LIMIT, STEP_LIMIT), "steps")
    shifted = k.let(math.saturating_cast(steps, wide) + cast(zero_point, wide), "shifted")
    low, high = _limits(kind)
    return cast(_clamped(shifted, low, high), kind)


def _dequantize(k: Binder, op: Op, x: Expr, scale: Expr, zero_point: Expr) -> Expr:
    wide = _wide_integer(element_type(x))
    return cast(cast(x, wide) - cast(zero_point, wide), "float32") * scale


def _clamped(value: Expr, low: float, high: float) -> Expr:
    """``value`` in [low, high]; a NaN may become either bound, which conversion to integer leaves unspecified too."""
    kind = element_type(value)
    bounds = (literal(bound, kind, like=value) for bound in (low, high))
    low_bound, high_bound = bounds
    return tirx.Min(tirx.Max(value, low_bound), high_bound)


def _limits(kind: str) -> tuple[int, int]:
    bits = int(kind.lstrip("uint"))
    return (0, 2**bits - 1) if kind.startswith("uint") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


ROWS: dict[type[Op], Compute] = {
    quantization.Quantize: Pointwise(_quantize),
    quantization.Dequantize: Pointwise(_dequantize),
}
