"""Whether results are right: one tolerance per element type, the same for builds and for ``runtime.run
--selftest``.

A float element may differ by ``atol * max|expected| + rtol * |expected|``; integers and bools must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from compiler.artifact import tensor_spec
from compiler.ir import DType, TensorType
from compiler.ir.dtypes import widen_bf16
from compiler.ir.literal import Array
from runtime.manifest import Tolerance
from runtime.selftest import compare

_TOLERANCES = {
    # Two float32 implementations sum in different orders; over a deep network the difference grows to about
    # 1e-4.
    DType.F64: Tolerance(1e-7, 1e-9),
    DType.F32: Tolerance(1e-3, 1e-4),
    # Half of the eleven or eight bits of the significand, since intermediate results are rounded as well.
    DType.F16: Tolerance(1e-2, 1e-2),
    DType.BF16: Tolerance(5e-2, 5e-2),
}


def tolerance_for(types: Iterable[TensorType]) -> Tolerance:
    """The tolerance of a model that computes with these types: that of the least precise one."""
    found = [_TOLERANCES[type_.dtype] for type_ in types if type_.dtype.is_float]
    return max(found, key=lambda tolerance: tolerance.rtol, default=_TOLERANCES[DType.F64])


def differences(
    types: Mapping[str, TensorType], got: Mapping[str, Array], want: Mapping[str, Array], tolerance: Tolerance
) -> list[str]:
    """One line for each output that is wrong, with its worst element; nothing when all are right."""
    lines: list[str] = []
    for name, type_ in types.items():
        result = compare(name, got[name], want[name], tensor_spec(type_), tolerance)
        if not result.passed:
            lines.append(
                f"output {name!r}: {_worst(type_, got[name], want[name])}, {result.worst_ratio:.3g} times"
                " what is allowed"
            )
    return lines


def _worst(type_: TensorType, got: Array, want: Array) -> str:
    a, b = _numbers(type_, got), _numbers(type_, want)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(a - b)
    distance = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(distance), np.inf, distance))
    where = np.unravel_index(int(distance.argmax()), distance.shape)
    index = ", ".join(map(str, where))
    wrong = np.count_nonzero(distance)
    return f"element [{index}] is {a[where]:.8g}, expected {b[where]:.8g} ({wrong} of {a.size} elements differ)"


def _numbers(type_: TensorType, array: Array) -> np.ndarray:
    return (widen_bf16(array) if type_.dtype is DType.BF16 else array).astype(np.float64)
