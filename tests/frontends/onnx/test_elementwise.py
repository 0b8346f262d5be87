"""Elementwise operators against ONNX Runtime, and where it lacks a type against the onnx package."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import evaluate
from frontends import onnx as frontend
from frontends.onnx import UnsupportedModel
from tests.frontends.onnx.nodes import check_node, node_model, random

EDGES = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 0.5, np.inf, -np.inf, np.nan], np.float32)


@pytest.mark.parametrize(
    "op_type",
    ["Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "Log", "Neg", "Reciprocal", "Round", "Sign", "Sin", "Sqrt", "Tan"],
)
def test_one_operand(op_type):
    check_node(op_type, [EDGES])
    check_node(op_type, [random(3, 4)])


@pytest.mark.parametrize("op_type", ["Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Atanh"])
def test_inverse_and_hyperbolic_functions(op_type):
    check_node(op_type, [np.linspace(-0.95, 0.95, 21, dtype=np.float32)])


@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "GreaterOrEqual", "Equal"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_two_operands_broadcast(op_type, dtype):
    divisor = random(4, 1, dtype=dtype, seed=1)
    check_node(op_type, [random(2, 1, 3, dtype=dtype), np.where(divisor == 0, 1, divisor).astype(dtype)])


def test_variadic_operators_broadcast_over_all_inputs():
    arrays = [random(2, 3), random(3, seed=1), random(2, 1, seed=2)]
    for op_type in ("Sum", "Mean", "Max", "Min"):
        check_node(op_type, arrays)
        check_node(op_type, arrays[:1])


@pytest.mark.parametrize("fmod", [0, 1])
@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_mod_of_integers(fmod, dtype):
    divisor = random(4, 5, dtype=dtype, seed=1)
    check_node("Mod", [random(4, 5, dtype=dtype), np.where(divisor == 0, 3, divisor).astype(dtype)], {"fmod": fmod})


def test_mod_of_floats():
    check_node("Mod", [random(4, 5), random(4, 5, seed=1)], {"fmod": 1})


@pytest.mark.parametrize("base", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("exponent", [np.float32, np.int32, np.int64])
def test_power_has_the_type_of_the_base(base, exponent):
    x = np.array([1, 2, 3, 4, 5], base)
    check_node("Pow", [x, np.array([0, 1, 2, 3, 2], exponent)])


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_bit_shift(direction):
    check_node("BitShift", [np.array([16, 4, 255], np.uint8), np.array([1, 2, 3], np.uint8)], {"direction": direction})


def test_shifts_by_negative_counts_shift_everything_out():
    x, counts = np.array([-8, 4, -1, 7], np.int32), np.array([-1, -33, 32, 1], np.int32)
    for direction, expected in (("LEFT", [0, 0, 0, 14]), ("RIGHT", [-1, 0, -1, 3])):
        model = node_model("BitShift", [x, counts], {"direction": direction}, opset=28)
        (result,) = evaluate(frontend.load(model), {"x0": x, "x1": counts}).values()
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("op_type", ["BitwiseAnd", "BitwiseOr", "BitwiseXor"])
def test_bitwise_operators(op_type):
    check_node(op_type, [random(3, 4, dtype=np.int32), random(4, dtype=np.int32, seed=1)])


def test_is_inf_looks_for_the_signs_that_it_is_told():
    for positive in (0, 1):
        for negative in (0, 1):
            check_node("IsInf", [EDGES], {"detect_positive": positive, "detect_negative": negative})


def test_clip_takes_limits_from_attributes_then_from_inputs():
    check_node("Clip", [random(3, 4)], {"min": -0.5, "max": 0.25}, opset=10)
    low, high = np.array(-0.5, np.float32), np.array(0.25, np.float32)
    check_node("Clip", [random(3, 4), low, high], opset=13)
    check_node("Clip", [random(3, 4), None, high], opset=13)
    check_node("Clip", [random(3, 4), high, low], opset=13)  # the upper limit wins


@pytest.mark.parametrize("to", [np.float16, np.float32, np.float64, np.int8, np.uint8, np.int32, np.int64, np.bool_])
@pytest.mark.parametrize("source", [np.float32, np.int64, np.uint8, np.bool_])
def test_cast_of_values_in_range(source, to):
    x = np.array([0, 1, 2, 100], np.int64).astype(source)
    code = frontend_code(to)
    check_node("Cast", [x], {"to": code})


def frontend_code(dtype: type[np.generic]) -> int:
    """ONNX's code of a numpy type."""
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def test_where_broadcasts_all_three():
    condition = np.array([[True], [False]])
    check_node("Where", [condition, random(2, 3), np.array(7, np.float32)])


def test_bit_cast_keeps_bits():
    model = node_model("BitCast", [np.array([1.0, -2.0], np.float32)], {"to": frontend_code(np.int32)}, opset=26)
    (result,) = evaluate(frontend.load(model), {"x0": np.array([1.0, -2.0], np.float32)}).values()
    np.testing.assert_array_equal(result, np.array([1.0, -2.0], np.float32).view(np.int32))


def test_bit_cast_to_another_width_is_refused():
    model = node_model("BitCast", [np.zeros(2, np.float32)], {"to": frontend_code(np.int64)}, opset=26)
    with pytest.raises(UnsupportedModel, match="f32 and i64 differ in width"):
        frontend.load(model)
