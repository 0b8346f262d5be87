"""Float32 functions of the C library, element by element, for models whose numbers are defined by them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from compiler.ir.literal import Array


def _function(name: str) -> Callable[[float], float]:
    function = getattr(ctypes.CDLL("libm.so.6"), name)
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return function


_expf, _expm1f, _logf, _log1pf = (_function(name) for name in ("expf", "expm1f", "logf", "log1pf"))


def expf(x: Array) -> Array:
    """``e**x`` of f32 values."""
    return _each(_expf, x)


def expm1f(x: Array) -> Array:
    """``e**x - 1`` of f32 values."""
    return _each(_expm1f, x)


def logf(x: Array) -> Array:
    """The natural logarithm of f32 values."""
    return _each(_logf, x)


def log1pf(x: Array) -> Array:
    """The natural logarithm of ``1 + x`` of f32 values."""
    return _each(_log1pf, x)


def _each(function: Callable[[float], float], x: Array) -> Array:
    return np.array([function(value) for value in x.reshape(-1).tolist()], np.float32).reshape(x.shape)
