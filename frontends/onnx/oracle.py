"""What an ONNX model's outputs should be: ONNX Runtime says so where it is installed, else
``onnx.reference``.

Imported on demand only: ONNX Runtime takes longer to load than most of a build. Knows nothing of our IR.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto
from onnx.reference import ReferenceEvaluator

from frontends.errors import NoAnswerError
from frontends.onnx.loader import GivenModel, read_model

if importlib.util.find_spec("onnxruntime") is not None:
    import onnxruntime
else:
    onnxruntime = None

Array = NDArray[Any]


def run(source: GivenModel, inputs: Mapping[str, Array]) -> tuple[dict[str, Array], str]:
    """All outputs of the model by name, and who computed them. bfloat16 travels as uint16 bits.

    Raises NoAnswerError with the reason of each of them, or the loader's ModelError.
    """
    model, _ = read_model(source)
    feeds = {info.name: _to_framework(inputs[info.name], info) for info in model.graph.input if info.name in inputs}
    names = [output.name for output in model.graph.output]
    reasons: list[str] = []
    for authority, evaluate in _authorities():
        try:
            results = evaluate(model, feeds)
        except Exception as error:  # noqa: BLE001 -- both raise what they like; the caller is told all of it
            reasons.append(f"{authority}: {_first_line(error)}")
            continue
        arrays = [_from_framework(result) for result in results]
        return dict(zip(names, arrays, strict=True)), authority
    raise NoAnswerError("; ".join(reasons))


_Evaluate = Callable[[ModelProto, Mapping[str, Array]], Sequence[object]]


def _authorities() -> list[tuple[str, _Evaluate]]:
    known: list[tuple[str, _Evaluate]] = [(f"onnx.reference {onnx.__version__}", _reference)]
    return known if onnxruntime is None else [(f"onnxruntime {onnxruntime.__version__}", _runtime), *known]


def _runtime(model: ModelProto, feeds: Mapping[str, Array]) -> Sequence[object]:
    assert onnxruntime is not None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(feeds))


def _reference(model: ModelProto, feeds: Mapping[str, Array]) -> Sequence[object]:
    results = ReferenceEvaluator(model).run(None, dict(feeds))
    return results if isinstance(results, list) else [results]


def _to_framework(array: Array, info: onnx.ValueInfoProto) -> Array:
    kind = info.type.tensor_type.elem_type
    return array.view(ml_dtypes.bfloat16) if kind == TensorProto.BFLOAT16 and array.dtype == np.uint16 else array


def _from_framework(result: object) -> Array:
    array = np.asarray(result)
    return array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
