"""Elementwise ops of one operand that keep its type.

The float ops refuse integers: frontends cast explicitly. Float16 results are those of a float32 computation
rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType, narrow_bf16, widen_bf16
from compiler.ir.libm import expf, log1pf
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType

_EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, -0.5, 1.5, 2.5, 1e-30], np.float32)


@dataclass(frozen=True)
class Unary(Op):
    """result[i] = f(x[i]). Subclasses give ``f`` as numpy; ``accepts`` says for which element types."""

    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        """Whether the op is defined on this element type."""
        return dtype.is_float and dtype is not DType.BF16

    def apply(self, x: Array) -> Array:
        """The numpy semantics; for float16 it is given float32."""
        raise NotImplementedError

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(self.accepts(x.dtype), f"not defined on {x.dtype.value}")
        return (x,)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        wide = x.astype(np.float32) if x.dtype == np.float16 else x
        return (np.asarray(self.apply(wide)).astype(x.dtype),)

    @classmethod
    def samples(cls) -> list[Sample]:
        kinds = [random_array(3, 37, dtype=dtype) for dtype in DType if cls.accepts(dtype)]
        return [Sample(cls(), (array,)) for array in (*kinds, _EDGES)]


class _SignedUnary(Unary):
    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        return dtype.is_signed and dtype is not DType.BF16


@dataclass(frozen=True)
class Neg(_SignedUnary):
    """-x; the smallest integer wraps to itself."""

    name = "neg"

    def apply(self, x: Array) -> Array:
        return np.negative(x)


@dataclass(frozen=True)
class Abs(_SignedUnary):
    """|x|; the smallest integer wraps to itself."""

    name = "abs"

    def apply(self, x: Array) -> Array:
        return np.abs(x)


@dataclass(frozen=True)
class Sign(_SignedUnary):
    """-1, 0 or 1; NaN stays NaN."""

    name = "sign"

    def apply(self, x: Array) -> Array:
        return np.sign(x)


@dataclass(frozen=True)
class Ceil(Unary):
    """Smallest integral value >= x."""

    name = "ceil"

    def apply(self, x: Array) -> Array:
        return np.ceil(x)


@dataclass(frozen=True)
class Floor(Unary):
    """Largest integral value <= x."""

    name = "floor"

    def apply(self, x: Array) -> Array:
        return np.floor(x)


@dataclass(frozen=True)
class Round(Unary):
    """Nearest integral value, ties to even."""

    name = "round"

    def apply(self, x: Array) -> Array:
        return np.rint(x)


@dataclass(frozen=True)
class Trunc(Unary):
    """Integral value nearest to x and not larger in magnitude."""

    name = "trunc"

    def apply(self, x: Array) -> Array:
        return np.trunc(x)


@dataclass(frozen=True)
class Sqrt(Unary):
    """Square root, correctly rounded; NaN below zero."""

    name = "sqrt"

    def apply(self, x: Array) -> Array:
        return np.sqrt(x)


@dataclass(frozen=True)
class Exp(Unary):
    """e to the power of x."""

    name = "exp"

    def apply(self, x: Array) -> Array:
        return np.exp(x)


class _Library(Unary):
    """In float32 as the C library computes it, for models whose numbers are defined by that: it errs at times by a unit
    in the last place, and not as other ways do. Costs a call per element."""

    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        return dtype is DType.F32


@dataclass(frozen=True)
class LibraryExp(_Library):
    """e**x as ``expf`` computes it."""

    name = "library_exp"

    def apply(self, x: Array) -> Array:
        return expf(x)


@dataclass(frozen=True)
class LibraryLog1p(_Library):
    """The natural logarithm of 1 + x as ``log1pf`` computes it; -inf at -1, NaN below."""

    name = "library_log1p"

    def apply(self, x: Array) -> Array:
        return log1pf(x)


@dataclass(frozen=True)
class Log(Unary):
    """Natural logarithm; -inf at zero, NaN below."""

    name = "log"

    def apply(self, x: Array) -> Array:
        return np.log(x)


@dataclass(frozen=True)
class Erf(Unary):
    """The error function."""

    name = "erf"

    def apply(self, x: Array) -> Array:
        return np.array([math.erf(v) for v in x.reshape(-1).tolist()], np.float64).reshape(x.shape)


@dataclass(frozen=True)
class Sigmoid(Unary):
    """1 / (1 + exp(-x))."""

    name = "sigmoid"

    def apply(self, x: Array) -> Array:
        return 1 / (1 + np.exp(-x.astype(np.float64)))


@dataclass(frozen=True)
class Tanh(Unary):
    """Hyperbolic tangent."""

    name = "tanh"

    def apply(self, x: Array) -> Array:
        return np.tanh(x)


@dataclass(frozen=True)
class Sin(Unary):
    """Sine of x in radians."""

    name = "sin"

    def apply(self, x: Array) -> Array:
        return np.sin(x)


@dataclass(frozen=True)
class Cos(Unary):
    """Cosine of x in radians."""

    name = "cos"

    def apply(self, x: Array) -> Array:
        return np.cos(x)


@dataclass(frozen=True)
class Tan(Unary):
    """Tangent of x in radians."""

    name = "tan"

    def apply(self, x: Array) -> Array:
        return np.tan(x)


@dataclass(frozen=True)
class Asin(Unary):
    """Inverse sine in [-pi/2, pi/2]; NaN outside [-1, 1]."""

    name = "asin"

    def apply(self, x: Array) -> Array:
        return np.arcsin(x)


@dataclass(frozen=True)
class Acos(Unary):
    """Inverse cosine in [0, pi]; NaN outside [-1, 1]."""

    name = "acos"

    def apply(self, x: Array) -> Array:
        return np.arccos(x)


@dataclass(frozen=True)
class Atan(Unary):
    """Inverse tangent in [-pi/2, pi/2]."""

    name = "atan"

    def apply(self, x: Array) -> Array:
        return np.arctan(x)


@dataclass(frozen=True)
class Sinh(Unary):
    """Hyperbolic sine."""

    name = "sinh"

    def apply(self, x: Array) -> Array:
        return np.sinh(x)


@dataclass(frozen=True)
class Cosh(Unary):
    """Hyperbolic cosine."""

    name = "cosh"

    def apply(self, x: Array) -> Array:
        return np.cosh(x)


@dataclass(frozen=True)
class Asinh(Unary):
    """Inverse hyperbolic sine."""

    name = "asinh"

    def apply(self, x: Array) -> Array:
        return np.arcsinh(x)


@dataclass(frozen=True)
class Acosh(Unary):
    """Inverse hyperbolic cosine; NaN below 1."""

    name = "acosh"

    def apply(self, x: Array) -> Array:
        return np.arccosh(x)


@dataclass(frozen=True)
class Atanh(Unary):
    """Inverse hyperbolic tangent; NaN outside [-1, 1]."""

    name = "atanh"

    def apply(self, x: Array) -> Array:
        return np.arctanh(x)


@dataclass(frozen=True)
class Not(Unary):
    """Logical not of bools, bitwise not of integers."""

    name = "not"

    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        return not dtype.is_float

    def apply(self, x: Array) -> Array:
        return np.invert(x)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [Sample(cls(), (random_array(3, 37, dtype=d, low=0, high=100),)) for d in DType if cls.accepts(d)]


@dataclass(frozen=True)
class IsNan(Unary):
    """Whether x is NaN; gives bool."""

    name = "is_nan"

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(self.accepts(x.dtype), f"not defined on {x.dtype.value}")
        return (x.with_dtype(DType.BOOL),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (np.isnan(x),)


@dataclass(frozen=True)
class Cast(Op):
    """Conversion to another element type.

    Float to integer truncates toward zero; values out of range, and NaN, give an unspecified integer except that
    ``saturate`` clamps them (NaN to 0). To bool: x != 0. To a narrower float: round to nearest even.
    bfloat16 is converted through float32.
    """

    name = "cast"

    to: DType
    saturate: bool = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        return (x.with_dtype(self.to),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        if self.saturate and x.dtype.kind == "f" and self.to.is_integer:
            low, high = self.to.limits
            # Doubles below 2**63 are exact at both ends only for types up to 32 bits; 64-bit limits round outward.
            clipped = np.clip(np.nan_to_num(x.astype(np.float64), nan=0.0), low, high)
            exact = np.where(clipped >= high, high, clipped.astype(self.to.numpy))
            return (exact.astype(self.to.numpy),)
        return (x.astype(self.to.numpy),)

    def evaluate_typed(self, types: Sequence[TensorType], operands: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = operands
        wide = widen_bf16(x) if types[0].dtype is DType.BF16 else x
        return (narrow_bf16(wide.astype(np.float32)),) if self.to is DType.BF16 else self.evaluate(wide)

    @classmethod
    def samples(cls) -> list[Sample]:
        kinds = [d for d in DType if d is not DType.BF16]
        return [
            Sample(cls(to), (random_array(2, 21, dtype=source, low=0, high=100),)) for source in kinds for to in kinds
        ]
