"""What every step is: a function that adds an op, or a few, to a graph."""

from __future__ import annotations

from collections.abc import Callable

from compiler.ir import DType, Value
from tests.differential.drawing import Region, convert

LIMIT = 3000
"""No value of a graph has more elements."""

Step = Callable[[Region, Value], Value]
"""Emits ops that take the value, and gives a result of theirs; or the value itself where it does not suit them."""


def numeric(region: Region, value: Value) -> Value:
    return convert(region, value, DType.I32) if value.type.dtype is DType.BOOL else value
