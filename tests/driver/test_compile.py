"""``compiler.compile`` end to end: what comes out runs, is right, is the same every time, and says what it
is."""

from __future__ import annotations

import filecmp
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import compiler
import runtime
from compiler.ir import DType, TensorType, parse_graph
from tests.driver.conftest import small_model

SHAPE = {"x": (2, 4)}
X = np.arange(8, dtype=np.float32).reshape(2, 4)


def expected(x: np.ndarray) -> np.ndarray:
    w = np.array([0.1 * i - 0.5 for i in range(12)], np.float32).reshape(4, 3)
    return np.maximum(x @ w, 0) + 1


@pytest.mark.parametrize("form", ["path", "text path", "message", "bytes"])
def test_every_form_of_a_model_compiles(form: str, model_file: Path) -> None:
    forms = {
        "path": model_file,
        "text path": str(model_file),
        "message": small_model(),
        "bytes": model_file.read_bytes(),
    }
    with compiler.compile(forms[form], inputs=SHAPE) as artifact:
        outputs = runtime.Model(artifact.directory).run({"x": X})
    np.testing.assert_allclose(outputs["y"], expected(X), rtol=1e-5)
    np.testing.assert_array_equal(outputs["z"], np.concatenate([X, X]))


def test_a_graph_is_a_model_too() -> None:
    graph = parse_graph('graph "g" (%0 "x": f32[5]) {\n%1 = neg(%0) : f32[5]\nreturn %1 "y"\n}')
    with compiler.compile(graph) as artifact:
        outputs = runtime.Model(artifact.directory).run({"x": np.ones(5, np.float32)})
        assert "reference interpreter" in artifact.report.verification
    np.testing.assert_array_equal(outputs["y"], -np.ones(5, np.float32))


def test_an_artifact_says_what_it_is(model_file: Path) -> None:
    with compiler.compile(model_file, inputs=SHAPE) as artifact:
        manifest = artifact.manifest
        verification = artifact.report.verification
    assert manifest.name == "small"
    assert {name: (spec.dtype, spec.shape) for name, spec in manifest.inputs.items()} == {"x": ("float32", (2, 4))}
    assert list(manifest.outputs) == ["y", "z"]
    assert "golden.npz" in manifest.files
    assert "2 random inputs agree with onnx" in verification
    assert manifest.provenance["verification"] == verification


def test_saved_as_directory_and_archive_it_passes_its_own_test(model_file: Path, tmp_path: Path) -> None:
    with compiler.compile(model_file, inputs=SHAPE) as artifact:
        paths = [artifact.save(tmp_path / "out"), artifact.save(tmp_path / "out.tar.gz")]
    for path in paths:
        command = [sys.executable, "-m", "runtime.run", str(path), "--selftest"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "selftest passed" in done.stdout


def test_two_builds_are_the_same_bytes(model_file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "same.onnx"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(model_file.read_bytes())
    builds = [(model_file, None, "a"), (model_file, None, "b"), (elsewhere, tmp_path / "cold cache", "c")]
    for model, cache, name in builds:
        with compiler.compile(model, inputs=SHAPE, cache_dir=cache) as artifact:
            artifact.save(tmp_path / name)
            artifact.save(tmp_path / f"{name}.tar.gz")
    for other in ("b", "c"):
        files = sorted(path.name for path in (tmp_path / "a").iterdir())
        match, mismatch, errors = filecmp.cmpfiles(tmp_path / "a", tmp_path / other, files, shallow=False)
        assert (match, mismatch, errors) == (files, [], [])
        assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / f"{other}.tar.gz").read_bytes()


def test_a_worker_is_started_beforehand_for_what_was_not_built_yet(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr("compiler.driver.warm_up", lambda emitter, count: started.append(emitter))
    for target in ("host", "host", "x86-64-v2"):
        compiler.compile(model_file, target, inputs=SHAPE, cache_dir=tmp_path).close()
    assert len(started) == 2


def test_an_archive_has_no_names_and_no_times(model_file: Path, tmp_path: Path) -> None:
    with compiler.compile(model_file, inputs=SHAPE) as artifact:
        path = artifact.save(tmp_path / "out.tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    assert members[0].name == "manifest.json"
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}


def test_a_bound_input_is_a_constant(model_file: Path) -> None:
    with compiler.compile(model_file, bind={"x": X}) as artifact:
        assert not artifact.manifest.inputs
        outputs = runtime.Model(artifact.directory).run({})
    np.testing.assert_allclose(outputs["y"], expected(X), rtol=1e-5)


def test_a_stated_element_type_is_checked(model_file: Path) -> None:
    with pytest.raises(compiler.BuildError, match="input 'x' is f32, not i64"):
        compiler.compile(model_file, inputs={"x": TensorType(DType.I64, (2, 4))})


def test_another_precision_is_refused(model_file: Path) -> None:
    with pytest.raises(compiler.BuildError, match="precision 'int3'"):
        compiler.compile(model_file, precision="int3")


def test_an_unknown_kind_of_model_is_refused() -> None:
    with pytest.raises(compiler.BuildError, match="is no model"):
        compiler.compile(42)


def test_without_verification_there_are_no_golden_vectors(model_file: Path) -> None:
    with compiler.compile(model_file, inputs=SHAPE, verify=False) as artifact:
        assert artifact.report.verification == "not verified"
        assert "golden.npz" not in artifact.manifest.files


def test_a_second_build_asks_neither_tvm_nor_the_framework(model_file: Path) -> None:
    program = (
        "import sys, compiler\n"
        f"compiler.compile({str(model_file)!r}, inputs={SHAPE}).close()\n"
        "print([name for name in ('tvm', 'onnxruntime') if name in sys.modules])"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_private_directory_lives_as_long_as_the_artifact(model_file: Path) -> None:
    artifact = compiler.compile(model_file, inputs=SHAPE)
    directory = artifact.directory
    assert directory.is_dir()
    artifact.close()
    assert not directory.exists()


def test_outputs_that_never_vary_are_warned_of() -> None:
    graph = parse_graph(
        'graph "g" (%0 "x": f32[5]) {\n%1 = sub(%0, %0) : f32[5]\nreturn %1 "y"\n}',
    )
    with compiler.compile(graph) as artifact:
        assert any("the same for two random inputs" in warning for warning in artifact.report.warnings)
