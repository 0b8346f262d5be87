"""Builds for another machine: verified under the emulator where there is one, honest where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

import compiler
from tests.emulation import skip_without_emulator


@pytest.mark.parametrize("name", ["arm_cortex_a72", "armv7a_neon"])
def test_a_cross_build_is_verified_under_the_emulator(name: str, model_file: Path) -> None:
    skip_without_emulator(name)
    with compiler.compile(model_file, name, inputs={"x": (2, 4)}) as artifact:
        assert "agree with onnx" in artifact.report.verification
        assert "qemu" in artifact.report.verification
        assert artifact.manifest.target.name == name


def test_a_target_that_cannot_run_here_is_unverified(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compiler.codegen.toolchain import Execution

    monkeypatch.setattr("compiler.proof.how_to_run", lambda target: Execution("none", (), "no such machine"))
    with compiler.compile(model_file, inputs={"x": (2, 4)}) as artifact:
        assert artifact.report.verification.startswith("unverified on target: no such machine")
        assert "golden.npz" in artifact.manifest.files
