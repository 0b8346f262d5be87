"""Runs one case in an engine and says what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import ml_dtypes
import numpy as np
from onnx import ModelProto, TensorProto

from bench.conformance.cases import Case, Example, Tensor, case_inputs
from bench.conformance.engines import Arrays, Engine
from bench.conformance.shape_inputs import shape_inputs
from compiler.errors import BuildError
from frontends.onnx import ConversionError, MalformedModel, ModelError, UnsupportedModel

Status = Literal["pass", "refused", "noise", "wrong", "crashed"]
STATUSES: Final[tuple[Status, ...]] = ("pass", "refused", "noise", "wrong", "crashed")

_BF16_RTOL: Final = 2.0**-6
"""Two units in the last place: what the package's own runner grants bfloat16."""

_NOISY: Final = {"node:test_dft_inverse": 1e-6, "node:test_dft_inverse_opset19": 1e-6}
"""Cases whose expected values are off by more than their own tolerance (1e-7): numpy's single-precision transform put
rounding noise of 1.9e-7 where the exact result is 0. Within this tolerance they count as "noise", not as a pass."""


@dataclass(frozen=True)
class Verdict:
    """What came of a case; ``reason`` is empty for a pass."""

    name: str
    status: Status
    reason: str = ""


class _NoTensor(Exception):
    """The case gives an input something that is no tensor, which no artifact takes."""


class _Wrong(Exception):
    """A result that differs from the expected one; ``is_noise`` if by no more than the expected one is off."""

    def __init__(self, message: str, is_noise: bool = False) -> None:
        super().__init__(message)
        self.is_noise = is_noise


def judge(case: Case, engine: Engine) -> Verdict:
    """The verdict on a case. An error that is no refusal is left to the caller: the case crashed."""
    try:
        for example in case.examples:
            _check_example(case, example, engine)
    except BuildError as error:
        reason = _refusal(error)
        if reason is None:
            raise
        return Verdict(case.name, "refused", reason)
    except _NoTensor as error:
        return Verdict(case.name, "refused", str(error))
    except _Wrong as error:
        return Verdict(case.name, "noise" if error.is_noise else "wrong", str(error))
    return Verdict(case.name, "pass")


def _refusal(error: BaseException) -> str | None:
    """Why the frontend refused the model: the first of the nodes that it cannot compile. ``None`` if it did
    not."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ModelError):
        cause = cause.__cause__
    if cause is None or isinstance(cause, ConversionError | MalformedModel):  # every case is well-formed
        return None
    if isinstance(cause, UnsupportedModel):
        node = cause.nodes[0]
        return f"{node.op}: {node.reason}"
    return str(cause)


def _check_example(case: Case, example: Example, engine: Engine) -> None:
    given, expected = example
    named = dict(zip((info.name for info in case_inputs(case.model)), given, strict=True))
    tensors = {name: value for name, value in named.items() if isinstance(value, np.ndarray)}
    may_bind = shape_inputs(case.model)
    bind = {name: value for name, value in tensors.items() if name in may_bind}
    arrays = {name: _bits(value) for name, value in tensors.items() if name not in may_bind}
    shapes = {name: array.shape for name, array in arrays.items()}
    run = engine(case.model, shapes, bind)
    absent = [name for name in named if name not in tensors]
    if absent:
        raise _NoTensor(f"the case gives no tensor for an input ({type(named[absent[0]]).__name__})")
    _compare(case, run(arrays), expected)


def _bits(array: Tensor) -> Tensor:
    return array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array


def _compare(case: Case, results: Arrays, expected: Sequence[object]) -> None:
    for name, wanted in zip(_output_names(case.model), expected, strict=True):
        got = results[name]
        if not isinstance(wanted, np.ndarray):
            raise _Wrong(f"output {name!r} is a tensor, expected {type(wanted).__name__}")
        rtol = case.rtol
        if wanted.dtype == ml_dtypes.bfloat16 and _is_bf16(case.model, name):
            wanted, got = wanted.astype(np.float32), got.view(ml_dtypes.bfloat16).astype(np.float32)
            rtol = max(rtol, _BF16_RTOL)
        if (got.dtype, got.shape) != (wanted.dtype, wanted.shape):
            raise _Wrong(
                f"output {name!r} is {got.dtype}{list(got.shape)}, expected {wanted.dtype}{list(wanted.shape)}"
            )
        close = np.isclose(got, wanted, rtol=rtol, atol=case.atol, equal_nan=True)
        if not close.all():
            place = tuple(int(i) for i in np.argwhere(~close)[0])
            raise _Wrong(
                f"output {name!r} differs in {close.size - close.sum()} of {close.size} elements; at {place}"
                f" {got[place]} instead of {wanted[place]}",
                is_noise=np.allclose(got, wanted, rtol=rtol, atol=_NOISY.get(case.name, 0.0)),
            )


def _output_names(model: ModelProto) -> list[str]:
    return [info.name for info in model.graph.output]


def _is_bf16(model: ModelProto, output: str) -> bool:
    (info,) = (info for info in model.graph.output if info.name == output)
    return info.type.tensor_type.elem_type == TensorProto.BFLOAT16
