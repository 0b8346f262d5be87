"""Replaying golden vectors, and the comparison behind it."""

from pathlib import Path

import numpy as np
import pytest

import runtime
from runtime.manifest import Manifest, Tolerance
from runtime.selftest import compare, selftest, write_golden
from runtime.tensors import TensorSpec
from tests.runtime.affine import edit_manifest, example_inputs, expected, write_manifest

TOLERANCE = Tolerance(rtol=1e-2, atol=1e-3)


def ratio(got: list[float], want: list[float], dtype: str = "float32") -> float:
    spec = TensorSpec(dtype, (len(got),))
    return compare("y", np.array(got, spec.storage), np.array(want, spec.storage), spec, TOLERANCE).worst_ratio


def test_passes_on_a_sound_artifact(built: Path) -> None:
    with runtime.Model(built) as model:
        comparisons = selftest(model)
    assert [c.name for c in comparisons] == ["y", "total"]
    assert all(c.passed for c in comparisons)


def test_notices_a_wrong_result(artifact: Path) -> None:
    inputs = example_inputs()
    outputs = expected(inputs)
    outputs["total"][17] += 10
    write_golden(artifact / "golden.npz", inputs, outputs)
    write_manifest(artifact)
    with runtime.Model(artifact) as model:
        y, total = selftest(model)
    assert y.passed
    assert not total.passed
    assert total.largest_difference == pytest.approx(10, rel=1e-3)


def test_notices_tampered_weights(artifact: Path) -> None:
    path = artifact / "weights.bin"
    path.write_bytes(path.read_bytes()[:-4] + bytes(4))
    with runtime.Model(artifact) as model, pytest.raises(runtime.DamagedArtifactError, match=r"weights\.bin"):
        selftest(model)


def test_an_artifact_without_golden_vectors_says_so(artifact: Path) -> None:
    (artifact / "golden.npz").unlink()
    write_manifest(artifact)
    with (
        runtime.Model(artifact) as model,
        pytest.raises(runtime.SelftestError, match="without golden vectors"),
    ):
        selftest(model)


def test_golden_vectors_of_other_names(artifact: Path) -> None:
    write_golden(artifact / "golden.npz", {"z": np.zeros(1)}, {})
    write_manifest(artifact)
    with runtime.Model(artifact) as model, pytest.raises(runtime.DamagedArtifactError, match="in:x"):
        selftest(model)


def test_golden_vectors_of_other_shapes(artifact: Path) -> None:
    inputs = example_inputs()
    outputs = expected(inputs) | {"total": np.zeros(3, np.float32)}
    write_golden(artifact / "golden.npz", inputs, outputs)
    write_manifest(artifact)
    with (
        runtime.Model(artifact) as model,
        pytest.raises(runtime.SelftestError, match=r"'total' is float32\[3\]"),
    ):
        selftest(model)


def test_tolerance_is_relative_to_the_element_plus_the_outputs_scale() -> None:
    assert ratio([100.0, 0.05], [100.0, 0.0]) == pytest.approx(0.5)  # 1e-3 * 100 is allowed beside 100
    assert ratio([102.2, 0.0], [100.0, 0.0]) == pytest.approx(2.2 / 1.1, rel=1e-3)


def test_what_is_not_a_number_must_be_the_same() -> None:
    nan, inf = float("nan"), float("inf")
    assert ratio([nan, inf, -inf], [nan, inf, -inf]) == 0
    assert ratio([nan], [1.0]) == inf
    assert ratio([1.0], [nan]) == inf
    assert ratio([inf], [-inf]) == inf
    assert ratio([1.0], [inf]) == inf
    assert ratio([inf], [1.0]) == inf


def test_integers_must_be_equal() -> None:
    assert ratio([7, 8], [7, 8], "int64") == 0
    assert ratio([1000, 1], [1001, 1], "int64") == float("inf")
    assert ratio([2**62 + 1], [2**62], "int64") == float("inf")
    assert ratio([1], [0], "bool") == float("inf")


def test_bfloat16_compares_as_numbers() -> None:
    assert ratio([0x3F80], [0x3F80], "bfloat16") == 0
    assert ratio([0x3F81], [0x3F80], "bfloat16") == pytest.approx(2**-7 / 0.011)


def test_the_tolerance_is_the_manifests(artifact: Path) -> None:
    inputs = example_inputs()
    outputs = {name: array * np.float32(1.05) for name, array in expected(inputs).items()}
    write_golden(artifact / "golden.npz", inputs, outputs)
    write_manifest(artifact)
    for rtol, passed in ((1e-2, False), (0.1, True)):
        edit_manifest(artifact, tolerance=Tolerance(rtol, 1e-5))
        assert Manifest.load(artifact).tolerance.rtol == rtol
        with runtime.Model(artifact) as model:
            assert all(c.passed for c in selftest(model)) is passed
