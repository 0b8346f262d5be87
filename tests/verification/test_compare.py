"""Tolerances and messages: what passes, what fails, and that the worst element is named."""

from __future__ import annotations

import numpy as np

from compiler.ir import DType, TensorType
from compiler.verification import differences, tolerance_for

F32 = TensorType(DType.F32, (2, 3))


def lines(got: np.ndarray, want: np.ndarray, type_: TensorType = F32) -> list[str]:
    return differences({"y": type_}, {"y": got}, {"y": want}, tolerance_for([type_]))


def test_equal_is_right_also_for_what_is_not_finite() -> None:
    array = np.array([[1, np.nan, np.inf], [-np.inf, 0, 5]], np.float32)
    assert lines(array, array.copy()) == []


def test_small_differences_are_right() -> None:
    want = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    assert lines(want + np.float32(5e-5), want) == []


def test_the_worst_element_is_named() -> None:
    want = np.ones((2, 3), np.float32)
    got = want.copy()
    got[0, 1], got[1, 2] = 1.5, 3.0
    (line,) = lines(got, want)
    assert "output 'y': element [1, 2] is 3, expected 1 (2 of 6 elements differ)" in line


def test_a_nan_where_none_belongs_is_wrong() -> None:
    want = np.ones((2, 3), np.float32)
    got = want.copy()
    got[0, 0] = np.nan
    assert "element [0, 0] is nan" in lines(got, want)[0]


def test_integers_must_be_equal() -> None:
    type_ = TensorType(DType.I64, (3,))
    want = np.array([1000000, 2, 3])
    assert lines(want, want, type_) == []
    assert "element [0]" in lines(want + np.array([1, 0, 0]), want, type_)[0]


def test_bfloat16_is_compared_by_value() -> None:
    type_ = TensorType(DType.BF16, (2,))
    one, nearly_one, two = np.uint16(0x3F80), np.uint16(0x3F81), np.uint16(0x4000)
    assert lines(np.array([one, one]), np.array([one, nearly_one]), type_) == []
    assert "is 1, expected 2" in lines(np.array([one, one]), np.array([one, two]), type_)[0]


def test_the_least_precise_type_decides() -> None:
    f16, f64 = (TensorType(dtype, ()) for dtype in (DType.F16, DType.F64))
    assert tolerance_for([f64, F32, f16]) == tolerance_for([f16])
    assert tolerance_for([]) == tolerance_for([f64])
