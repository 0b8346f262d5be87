"""The backend cases of the ``onnx`` package as plain data: a model, sets of inputs and expected outputs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

KINDS: Final = ("node", "simple", "pytorch-converted", "pytorch-operator")

Tensor = NDArray[np.generic]
Example = tuple[Sequence[object], Sequence[object]]
"""Inputs and expected outputs, by position; what is not an array (a sequence, ``None``) stays what it is."""


@dataclass(frozen=True)
class Case:
    """One case; ``name`` is unique, ``kind:test_name``."""

    name: str
    model: onnx.ModelProto
    examples: tuple[Example, ...]
    rtol: float
    atol: float


class CaseCatalog:
    """All cases by name. A case's files are read when it is asked for."""

    def __init__(self) -> None:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # the package overflows on purpose while it makes its cases
            self._tests = {f"{kind}:{test.name}": test for kind in KINDS for test in load_model_tests(kind=kind)}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all cases, in the package's order."""
        return tuple(self._tests)

    def case(self, name: str) -> Case:
        """The case of that name, in memory."""
        test = self._tests[name]
        if test.model is not None:
            model, examples = test.model, test.data_sets or []
        else:
            model, examples = _read(test)
        arrays = tuple(
            (tuple(_normal(item) for item in given), tuple(_normal(item) for item in expected))
            for given, expected in examples
        )
        return Case(name, model, arrays, test.rtol, test.atol)


def case_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The graph inputs that a case gives values for, in its order: those that are not initializers."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [info for info in model.graph.input if info.name not in constants]


def _read(test: TestCase) -> tuple[onnx.ModelProto, list[Example]]:
    folder = Path(str(test.model_dir))
    model = onnx.load(folder / "model.onnx")
    examples: list[Example] = []
    given_inputs = case_inputs(model)
    for data in sorted(folder.glob("test_data_set_*")):
        given = [_read_value(data / f"input_{i}.pb", v) for i, v in enumerate(given_inputs)]
        expected = [_read_value(data / f"output_{i}.pb", v) for i, v in enumerate(model.graph.output)]
        examples.append((given, expected))
    return model, examples


def _read_value(path: Path, info: onnx.ValueInfoProto) -> object:
    content = path.read_bytes()
    match info.type.WhichOneof("value"):
        case "sequence_type":
            return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
        case "optional_type":
            return numpy_helper.to_optional(onnx.OptionalProto.FromString(content))
        case _:
            return numpy_helper.to_array(onnx.TensorProto.FromString(content))


def _normal(item: object) -> object:
    if isinstance(item, onnx.TensorProto):
        return numpy_helper.to_array(item)
    return np.asarray(item) if isinstance(item, np.generic) else item
