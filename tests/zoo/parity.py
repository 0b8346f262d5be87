"""Comparing a compiled model with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from compiler.ir.literal import Array

RELATIVE, OF_SCALE = 1e-3, 1e-4
"""What two float32 implementations may differ by: of an element, and of the output's largest."""

LEAST_VARIATION = 1e-2
"""How much outputs must vary with the input, of their scale: far more than they may differ."""

Arrays = Mapping[str, Array]


class Peer:
    """A model in ONNX Runtime, on one thread. ``fixed`` are inputs that every run gets."""

    def __init__(self, model: Path | bytes, fixed: Arrays | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        source = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(source, options, ["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]
        self._fixed = dict(fixed or {})

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """All outputs by name."""
        results = self._session.run(self._names, {**self._fixed, **inputs})
        return {name: np.asarray(result) for name, result in zip(self._names, results, strict=True)}


def assert_agree(got: Arrays, expected: Arrays) -> None:
    """Every output within the tolerance of its scale, which is its largest element."""
    assert got.keys() == expected.keys()
    for name, want in expected.items():
        scale = float(np.abs(want).max())
        np.testing.assert_allclose(got[name], want, rtol=RELATIVE, atol=OF_SCALE * scale, err_msg=name)


def assert_vary(runs: Sequence[Arrays]) -> None:
    """Every output differs between runs: agreement on it means something."""
    for name in runs[0]:
        outputs = np.stack([run[name] for run in runs])
        assert np.isfinite(outputs).all(), name
        assert np.ptp(outputs, axis=0).max() > LEAST_VARIATION * np.abs(outputs).max(), name


def assert_same_bits(first: Arrays, second: Arrays) -> None:
    """Every output is equal, bit for bit."""
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name
