"""How programs of a target run here, and the reason where they cannot."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.codegen.toolchain import emulator, how_to_run
from compiler.targets import CpuInfo, resolve

MODULE = sys.modules[how_to_run.__module__]
A72 = resolve("arm_cortex_a72")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An x86-64-v3 machine without qemu or cross libraries, to which each test adds what it is about."""
    machine = CpuInfo("x86_64", frozenset(resolve("x86-64-v3").features), ())
    monkeypatch.setattr(MODULE, "_this_machine", lambda: machine)
    monkeypatch.setattr(MODULE, "_sysroot", lambda target: None)
    monkeypatch.delenv("QEMU_LD_PREFIX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def add_qemu(folder: Path, name: str, *cpus: str) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\n" + "".join(f"echo '  {cpu}'\n" for cpu in ("Available CPUs:", *cpus)))
    path.chmod(0o755)
    return str(path)


def add_sysroot(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.setattr(MODULE, "_sysroot", lambda target: root)


def test_a_processor_with_the_features_needs_no_emulator() -> None:
    assert emulator(resolve("x86-64-v3")) == []
    assert emulator(resolve("x86-64-v2")) == []
    assert how_to_run(resolve("x86-64-v2")).kind == "native"


def test_a_lacking_feature_is_named() -> None:
    execution = how_to_run(resolve("x86-64-v4"))
    assert execution.kind == "none"
    assert "lacks avx512bw, avx512cd" in execution.reason


def test_no_qemu() -> None:
    assert emulator(A72) is None
    assert "apt install qemu-user" in how_to_run(A72).reason


def test_qemu_without_the_c_library(tmp_path: Path) -> None:
    add_qemu(tmp_path, "qemu-aarch64", "cortex-a72")
    assert emulator(A72) is None
    assert "apt install libc6-arm64-cross" in how_to_run(A72).reason


def test_qemu_that_is_too_old_for_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_qemu(tmp_path, "qemu-aarch64", "cortex-a53")
    add_sysroot(monkeypatch, "/sysroot")
    assert emulator(A72) is None
    assert "does not know the CPU cortex-a72" in how_to_run(A72).reason


@pytest.mark.parametrize("name", ["qemu-aarch64", "qemu-aarch64-static"])
def test_qemu_with_everything(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qemu = add_qemu(tmp_path, name, "cortex-a72")
    add_sysroot(monkeypatch, "/sysroot")
    assert emulator(A72) == [qemu, "-cpu", "cortex-a72", "-L", "/sysroot"]
    assert how_to_run(A72).kind == "emulated"


def test_a_sysroot_of_the_user_s_own_is_left_to_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qemu = add_qemu(tmp_path, "qemu-aarch64", "cortex-a72")
    monkeypatch.setenv("QEMU_LD_PREFIX", "/opt/sysroot")
    assert emulator(A72) == [qemu, "-cpu", "cortex-a72"]


def test_a_processor_that_qemu_does_not_emulate() -> None:
    assert "qemu-user emulates no processor" in how_to_run(replace(A72, qemu_cpu=None)).reason


def test_a_machine_without_a_target_can_still_emulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "_this_machine", lambda: None)
    add_qemu(tmp_path, "qemu-aarch64", "cortex-a72")
    add_sysroot(monkeypatch, "/sysroot")
    assert how_to_run(A72).kind == "emulated"
