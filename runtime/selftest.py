"""Replaying golden vectors: does the artifact compute here what it was verified to compute at build time?

golden.npz (numpy's format, no pickles) holds `in:<name>` for every input and `out:<name>` for every output.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.errors import DamagedArtifactError, SelftestError
from runtime.manifest import GOLDEN, Tolerance
from runtime.model import Model
from runtime.npz import read_npz, write_npz
from runtime.tensors import Array, TensorSpec


@dataclass(frozen=True)
class Comparison:
    """How one output compares with its golden vector."""

    name: str
    largest_difference: float
    worst_ratio: float  # of a difference to what is allowed; up to 1 is a pass

    @property
    def passed(self) -> bool:
        return self.worst_ratio <= 1.0


@dataclass(frozen=True)
class Golden:
    """One set of inputs, and the outputs that were verified for them, by name."""

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]

    def of_rows(self, rows: int) -> "Golden":
        """`rows` rows, the same over and over, for a model with a dynamic batch."""

        def resized(arrays: Mapping[str, Array]) -> dict[str, Array]:
            return {name: array[np.arange(rows) % len(array)] for name, array in arrays.items()}

        return Golden(resized(self.inputs), resized(self.outputs))


def write_golden(path: Path, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    """Write golden.npz at `path`, from arrays in storage types; equal bytes for equal arrays."""
    arrays = {f"in:{name}": array for name, array in inputs.items()}
    write_npz(path, arrays | {f"out:{name}": array for name, array in outputs.items()})


def load_golden(model: Model) -> Golden:
    """The golden vectors of the model's artifact.

    Raises SelftestError when it has none, DamagedArtifactError when they cannot be read or lack a name.
    """
    path = model.artifact.directory / GOLDEN
    if GOLDEN not in model.manifest.files:
        raise SelftestError(f"{path.parent}: the artifact was built without golden vectors")
    try:
        arrays = read_npz(path)
        return Golden(
            {name: arrays[f"in:{name}"] for name in model.inputs},
            {name: arrays[f"out:{name}"] for name in model.outputs},
        )
    except (OSError, ValueError, KeyError) as error:
        raise DamagedArtifactError(path, f"no readable golden vectors: {error}") from error


def selftest(model: Model) -> list[Comparison]:
    """Verify every digest, run the golden inputs, compare. Raises ArtifactError, SelftestError.

    A dynamic batch gets tiles of rows and a few more, for which the model has code of its own.
    """
    model.verify()
    golden = load_golden(model)
    if model.row_tile:
        golden = golden.of_rows(2 * model.row_tile + model.row_tile // 4 + 1)
    results = model.run(golden.inputs)
    return [
        compare(name, results[name], golden.outputs[name], spec, model.manifest.tolerance)
        for name, spec in model.outputs.items()
    ]


def compare(name: str, got: Array, want: Array, spec: TensorSpec, tolerance: Tolerance) -> Comparison:
    """Allowed per element: atol * max|want| + rtol * |want| for floats, nothing for integers and bools.

    NaN equals NaN and an infinity itself. Raises SelftestError when the shapes differ.
    """
    if got.shape != want.shape or got.dtype != want.dtype:
        raise SelftestError(
            f"golden output '{name}' is {want.dtype}{list(want.shape)}, not {got.dtype}{list(got.shape)}"
        )
    got64, want64 = _as_float64(got, spec), _as_float64(want, spec)
    same = (got == want) | (np.isnan(got64) & np.isnan(want64))
    finite = np.abs(want64[np.isfinite(want64)])
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where(same, 0.0, np.abs(got64 - want64))
        allowed = tolerance.atol * finite.max(initial=0.0) + tolerance.rtol * np.abs(want64)
        if not _is_float(spec):
            allowed = np.zeros_like(difference)
        ratio = np.where(same, 0.0, difference / allowed)
    ratio = np.where(np.isnan(ratio) | (np.isinf(want64) & ~same), np.inf, ratio)
    return Comparison(name, float(difference.max(initial=0.0)), float(ratio.max(initial=0.0)))


def _is_float(spec: TensorSpec) -> bool:
    return "float" in spec.dtype


def _as_float64(array: Array, spec: TensorSpec) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if spec.dtype == "bfloat16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)
