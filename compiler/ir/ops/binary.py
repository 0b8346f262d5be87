"""Elementwise ops of two operands of one element type, with numpy broadcasting, and ``select``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.broadcasting import broadcast_shapes
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType

_SHAPES = (((3, 37), (3, 37)), ((2, 1, 5), (4, 1)), ((7,), ()))


@dataclass(frozen=True)
class Binary(Op):
    """result[i] = f(a[i], b[i]) over the broadcast shape; both operands have one element type."""

    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        """Whether the op is defined on this element type."""
        return dtype is not DType.BOOL and dtype is not DType.BF16

    def apply(self, a: Array, b: Array) -> Array:
        """The numpy semantics; for float16 it is given float32."""
        raise NotImplementedError

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType, ...]:
        require(a.dtype is b.dtype, "operands differ in element type")
        require(self.accepts(a.dtype), f"not defined on {a.dtype.value}")
        return (TensorType(self.result_dtype(a.dtype), broadcast_shapes(a.shape, b.shape)),)

    def result_dtype(self, dtype: DType) -> DType:
        """Element type of the result for operands of ``dtype``."""
        return dtype

    def evaluate(self, a: Array, b: Array) -> tuple[Array, ...]:
        dtype = DType.of(a.dtype)
        wide = np.float32 if dtype is DType.F16 else a.dtype
        return (np.asarray(self.apply(a.astype(wide), b.astype(wide))).astype(self.result_dtype(dtype).numpy),)

    @classmethod
    def samples(cls) -> list[Sample]:
        kinds = [dtype for dtype in DType if cls.accepts(dtype)]
        return [
            Sample(cls(), (random_array(*a, dtype=dtype), random_array(*b, dtype=dtype, seed=1)))
            for dtype, (a, b) in zip(kinds * 3, _SHAPES * len(kinds), strict=True)
        ]


@dataclass(frozen=True)
class Add(Binary):
    """a + b; integers wrap."""

    name = "add"

    def apply(self, a: Array, b: Array) -> Array:
        return a + b


@dataclass(frozen=True)
class Sub(Binary):
    """a - b; integers wrap."""

    name = "sub"

    def apply(self, a: Array, b: Array) -> Array:
        return a - b


@dataclass(frozen=True)
class Mul(Binary):
    """a * b; integers wrap."""

    name = "mul"

    def apply(self, a: Array, b: Array) -> Array:
        return a * b


class _Divisor(Binary):
    @classmethod
    def samples(cls) -> list[Sample]:
        def divisor(*shape: int, dtype: DType) -> Array:
            return random_array(*shape, dtype=dtype, seed=1, low=1, high=9)

        kinds = [dtype for dtype in DType if cls.accepts(dtype)]
        return [
            Sample(cls(), (random_array(3, 37, dtype=d, low=-50 * d.is_signed, high=50), divisor(3, 37, dtype=d)))
            for d in kinds
        ]


@dataclass(frozen=True)
class Div(_Divisor):
    """a / b; integers truncate toward zero. Integer division by zero is unspecified but must not trap."""

    name = "div"

    def apply(self, a: Array, b: Array) -> Array:
        if a.dtype.kind == "f":
            return a / b
        safe = np.where(b == 0, 1, b).astype(b.dtype)
        quotient = a // safe
        return quotient + ((quotient < 0) & (quotient * safe != a))


@dataclass(frozen=True)
class Mod(_Divisor):
    """a - b * floor(a / b): the sign of the divisor. A zero integer divisor gives an unspecified result, no trap."""

    name = "mod"

    def apply(self, a: Array, b: Array) -> Array:
        return np.mod(a, b if a.dtype.kind == "f" else np.where(b == 0, 1, b).astype(b.dtype))


@dataclass(frozen=True)
class Fmod(_Divisor):
    """a - b * trunc(a / b): the sign of the dividend, as C's fmod and ``%``. A zero integer divisor must not trap."""

    name = "fmod"

    def apply(self, a: Array, b: Array) -> Array:
        return np.fmod(a, b if a.dtype.kind == "f" else np.where(b == 0, 1, b).astype(b.dtype))


@dataclass(frozen=True)
class Pow(Binary):
    """a to the power of b, floats only; C's pow for special values."""

    name = "pow"

    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        return dtype.is_float and dtype is not DType.BF16

    def apply(self, a: Array, b: Array) -> Array:
        return np.power(a, b)


@dataclass(frozen=True)
class Maximum(Binary):
    """The larger operand; NaN if either is NaN."""

    name = "maximum"

    def apply(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)


@dataclass(frozen=True)
class Minimum(Binary):
    """The smaller operand; NaN if either is NaN."""

    name = "minimum"

    def apply(self, a: Array, b: Array) -> Array:
        return np.minimum(a, b)


class _Bitwise(Binary):
    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        return not dtype.is_float


@dataclass(frozen=True)
class And(_Bitwise):
    """Logical and of bools, bitwise and of integers."""

    name = "and"

    def apply(self, a: Array, b: Array) -> Array:
        return a & b


@dataclass(frozen=True)
class Or(_Bitwise):
    """Logical or of bools, bitwise or of integers."""

    name = "or"

    def apply(self, a: Array, b: Array) -> Array:
        return a | b


@dataclass(frozen=True)
class Xor(_Bitwise):
    """Logical exclusive or of bools, bitwise of integers."""

    name = "xor"

    def apply(self, a: Array, b: Array) -> Array:
        return a ^ b


class _Shift(Binary):
    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        return dtype.is_integer

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            Sample(
                cls(),
                (random_array(3, 37, dtype=d, low=0, high=100), random_array(3, 37, dtype=d, seed=1, low=0, high=12)),
            )
            for d in DType
            if cls.accepts(d)
        ]


@dataclass(frozen=True)
class ShiftLeft(_Shift):
    """a << b; zero if b is at least the width."""

    name = "shift_left"

    def apply(self, a: Array, b: Array) -> Array:
        return np.left_shift(a, b)


@dataclass(frozen=True)
class ShiftRight(_Shift):
    """a >> b, arithmetic for signed types; only the sign is left if b is at least the width."""

    name = "shift_right"

    def apply(self, a: Array, b: Array) -> Array:
        return np.right_shift(a, b)


class _Compare(Binary):
    def result_dtype(self, dtype: DType) -> DType:
        return DType.BOOL


@dataclass(frozen=True)
class Equal(_Compare):
    """a == b; also defined on bools."""

    name = "equal"

    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        return dtype is not DType.BF16

    def apply(self, a: Array, b: Array) -> Array:
        return a == b


@dataclass(frozen=True)
class Less(_Compare):
    """a < b; false if either is NaN."""

    name = "less"

    def apply(self, a: Array, b: Array) -> Array:
        return a < b


@dataclass(frozen=True)
class LessEqual(_Compare):
    """a <= b; false if either is NaN."""

    name = "less_equal"

    def apply(self, a: Array, b: Array) -> Array:
        return a <= b


@dataclass(frozen=True)
class Select(Op):
    """result[i] = condition[i] ? a[i] : b[i], all three broadcast; the condition is bool."""

    name = "select"

    def infer(self, condition: TensorType, a: TensorType, b: TensorType) -> tuple[TensorType, ...]:
        require(condition.dtype is DType.BOOL, "the condition must be bool")
        require(a.dtype is b.dtype, "the alternatives differ in element type")
        return (TensorType(a.dtype, broadcast_shapes(condition.shape, a.shape, b.shape)),)

    def evaluate(self, condition: Array, a: Array, b: Array) -> tuple[Array, ...]:
        return (np.where(condition, a, b),)

    @classmethod
    def samples(cls) -> list[Sample]:
        condition = random_array(3, 37, dtype=DType.BOOL)
        return [
            Sample(cls(), (condition, random_array(37, dtype=dtype), random_array(3, 1, dtype=dtype, seed=1)))
            for dtype in (DType.F32, DType.F16, DType.I64, DType.BOOL)
        ]
