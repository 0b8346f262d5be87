"""Artifact directories: whatever is damaged, mixed up or meant for another machine is refused by name."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import runtime
from runtime.manifest import FileEntry, Manifest, TargetInfo
from runtime.weights import write_weights
from tests.runtime.affine import (
    AARCH64,
    HOST,
    build_artifact,
    constants,
    edit_manifest,
    example_inputs,
    write_manifest,
)


def flip(path: Path, position: int = -100) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["model.so", "weights.bin", "kiln.h", "golden.npz"])
def test_truncated_file(artifact: Path, name: str) -> None:
    path = artifact / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(runtime.DamagedArtifactError, match=f"{name}: truncated or replaced: .* bytes, expected"):
        runtime.Model(artifact)


@pytest.mark.parametrize("name", ["model.so", "weights.bin", "manifest.json"])
def test_missing_file(artifact: Path, name: str) -> None:
    (artifact / name).unlink()
    with pytest.raises(runtime.ArtifactError, match=f"{name}: .*No such file"):
        runtime.Model(artifact)


def test_tampered_library(artifact: Path) -> None:
    flip(artifact / "model.so")
    with pytest.raises(runtime.DamagedArtifactError, match=r"model\.so: its content does not match the digest"):
        runtime.Model(artifact)


@pytest.mark.parametrize(("old", "new"), [('"affine"', '"affinf"'), ("256", "257"), ("1e-05", "1e+05")])
def test_edited_manifest(artifact: Path, old: str, new: str) -> None:
    path = artifact / "manifest.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(runtime.DamagedArtifactError, match=r"manifest\.json: .* does not match its own digest"):
        runtime.Model(artifact)


def test_tampered_weights_are_found_on_request(artifact: Path) -> None:
    flip(artifact / "weights.bin")
    with runtime.Model(artifact) as model, pytest.raises(runtime.DamagedArtifactError, match=r"weights\.bin"):
        model.verify()


def test_weights_of_another_build(artifact: Path) -> None:
    write_weights(artifact / "weights.bin", [(constants() + 1).tobytes()])
    write_manifest(artifact)
    with pytest.raises(runtime.ArtifactError, match=r"weights\.bin: the weights of another build"):
        runtime.Model(artifact)


def test_weights_without_their_header(artifact: Path) -> None:
    flip(artifact / "weights.bin", 0)
    with pytest.raises(runtime.ArtifactError, match=r"weights\.bin: not a weights file"):
        runtime.Model(artifact)


def test_manifest_and_library_must_describe_the_same_model(artifact: Path) -> None:
    outputs = Manifest.load(artifact).outputs
    edit_manifest(artifact, outputs={"renamed": outputs["y"], "total": outputs["total"]})
    with pytest.raises(runtime.ArtifactError, match="describe different inputs or outputs"):
        runtime.Model(artifact)


def test_stale_plan(tmp_path: Path) -> None:
    artifact = build_artifact(tmp_path / "artifact", macros={"TEST_ABI": "77"})
    with pytest.raises(runtime.ArtifactError, match="the plan has ABI 77, this runtime"):
        runtime.Model(artifact)


def test_another_architecture(tmp_path: Path) -> None:
    if not AARCH64.available():
        pytest.skip("no aarch64 cross compiler")
    artifact = build_artifact(tmp_path / "artifact", AARCH64)
    with pytest.raises(runtime.TargetMismatchError, match=r"compiled for test \(ARM \(64-bit\)\); this process is"):
        runtime.Model(artifact)


def test_not_a_library(artifact: Path) -> None:
    (artifact / "model.so").write_text("#!/bin/sh\n")
    write_manifest(artifact)
    with pytest.raises(runtime.TargetMismatchError, match=r"compiled for test \(not an ELF library\)"):
        runtime.Model(artifact)


def test_newer_glibc_than_this_machine_has(artifact: Path) -> None:
    edit_manifest(artifact, target=TargetInfo("test", HOST.triple, (), "2.999"))
    with pytest.raises(runtime.TargetMismatchError, match=r"needs glibc 2\.999; this machine has 2\.\d+"):
        runtime.Model(artifact)


def test_older_glibc_is_fine(artifact: Path) -> None:
    edit_manifest(artifact, target=TargetInfo("test", HOST.triple, (), "2.17"))
    runtime.Model(artifact).close()


def test_a_rebuilt_artifact_runs_its_new_code(artifact: Path, tmp_path: Path) -> None:
    """dlopen alone would answer with the library that is already loaded from the same path."""
    inputs = example_inputs()
    zeros = inputs | {"x": np.zeros_like(inputs["x"])}
    old = runtime.Model(artifact)
    before = old.run(inputs)
    shutil.rmtree(artifact)
    build_artifact(artifact, macros={"TEST_GAIN": "0.0f"})
    with runtime.Model(artifact) as new:
        np.testing.assert_array_equal(new.run(inputs)["y"], old.run(zeros)["y"])
    np.testing.assert_array_equal(old.run(inputs)["y"], before["y"])
    old.close()
    with runtime.Model(artifact) as again:
        np.testing.assert_array_equal(again.run(inputs)["y"], again.run(zeros)["y"])


def test_file_table_of_the_manifest_cannot_leave_the_directory(artifact: Path) -> None:
    files = dict(Manifest.load(artifact).files) | {"../evil": FileEntry("0" * 64, 1)}
    manifest = replace(Manifest.load(artifact), files=files)
    (artifact / "manifest.json").write_text(manifest.to_json())
    with pytest.raises(runtime.ManifestError, match="plain file names"):
        runtime.Model(artifact)
