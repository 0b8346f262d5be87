"""Which compiler is chosen, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.codegen.toolchain import NoCompilerError, find_compiler
from compiler.codegen.toolchain.find import isa_of_machine
from compiler.targets import Target, resolve

FIND = "compiler.codegen.toolchain.find"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with nothing on its path and no zig, to which each test adds what it is about."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(f"{FIND}._zig", lambda: None)


def fake(folder: Path, name: str, machine: str, version: str = "fake 1.0") -> Path:
    """A driver that answers as gcc does."""
    path = folder / name
    path.write_text(f'#!/bin/sh\ncase "$*" in *-dumpmachine) echo {machine};; *) echo "{version}"; echo more;; esac\n')
    path.chmod(0o755)
    return path


def add_zig(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    path = folder / "zig-program"
    path.write_text("#!/bin/sh\necho 9.9\n")
    path.chmod(0o755)
    monkeypatch.setattr(f"{FIND}._zig", lambda: str(path))
    return str(path)


@pytest.fixture
def host() -> Target:
    return resolve("host")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("arm_cortex_a72", "gcc-aarch64-linux-gnu"),
        ("armv7a_neon", "gcc-arm-linux-gnueabihf"),
        ("host", "gcc"),
    ],
)
def test_none_at_all_says_what_to_install(name: str, package: str) -> None:
    with pytest.raises(NoCompilerError, match=rf"kiln-compiler\[cross\].*apt install {package}"):
        find_compiler(resolve(name))


def test_native_compiler_is_taken_for_the_host(host: Target, tmp_path: Path) -> None:
    path = fake(tmp_path, "gcc", host.gnu_triple)
    found = find_compiler(host)
    assert found.command == (str(path),)
    assert found.identity == f"fake 1.0 [{host.gnu_triple}]"


def test_cc_comes_first_where_it_fits(host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "cc", host.gnu_triple)
    chosen = fake(tmp_path, "my-cc", host.gnu_triple)
    monkeypatch.setenv("CC", "my-cc -pipe")
    assert find_compiler(host).command == (str(chosen), "-pipe")


def test_cc_is_passed_over_where_it_makes_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", str(fake(tmp_path, "my-cc", "x86_64-linux-gnu")))
    cross = fake(tmp_path, "aarch64-linux-gnu-gcc", "aarch64-linux-gnu")
    assert find_compiler(resolve("rasp4b")).command == (str(cross),)


@pytest.mark.parametrize("chosen", ["no-such-compiler", "false-cc", "''", " "])
def test_a_broken_cc_is_an_error_not_a_surprise(chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "false-cc").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "false-cc").chmod(0o755)
    fake(tmp_path, "gcc", "x86_64-linux-gnu")
    monkeypatch.setenv("CC", chosen)
    with pytest.raises(NoCompilerError, match=r"\$CC"):
        find_compiler(resolve("host"))


def test_a_compiler_that_hangs_when_asked_is_passed_over(
    host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{FIND}._PROBE_TIMEOUT_S", 0.3)
    (tmp_path / "cc").write_text("#!/bin/sh\nwhile :; do :; done\n")
    (tmp_path / "cc").chmod(0o755)
    path = fake(tmp_path, "gcc", host.gnu_triple)
    assert find_compiler(host).command == (str(path),)


def test_zig_comes_before_gcc_where_an_old_glibc_is_asked_for(
    host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zig = add_zig(monkeypatch, tmp_path)
    gcc = fake(tmp_path, "gcc", host.gnu_triple)
    fake(tmp_path, "aarch64-linux-gnu-gcc", "aarch64-linux-gnu")
    found = find_compiler(resolve("arm_cortex_a72"))
    assert (found.kind, found.command) == ("zig", (zig, "cc", "-target", "aarch64-linux-gnu.2.28"))
    assert found.identity == "zig 9.9 [aarch64-linux-gnu.2.28]"
    assert find_compiler(host).command == (str(gcc),)


def test_zig_serves_a_host_without_gcc(host: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_zig(monkeypatch, tmp_path)
    assert find_compiler(host).command[3].startswith(host.gnu_triple)


def test_zig_that_does_not_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{FIND}._zig", lambda: str(tmp_path / "gone"))
    with pytest.raises(NoCompilerError, match="does not run here"):
        find_compiler(resolve("rasp4b"))


@pytest.mark.parametrize(
    ("machine", "isa"),
    [
        ("x86_64-linux-gnu", "x86_64"),
        ("x86_64-pc-linux-gnu", "x86_64"),
        ("x86_64-redhat-linux", "x86_64"),
        ("x86_64-linux-gnux32", None),
        ("i686-linux-gnu", None),
        ("x86_64-w64-mingw32", None),
        ("aarch64-linux-gnu", "aarch64"),
        ("aarch64_be-linux-gnu", None),
        ("arm-linux-gnueabihf", "arm"),
        ("armv7l-unknown-linux-gnueabihf", "arm"),
        ("arm-linux-gnueabi", None),
        ("arm64-apple-darwin23", None),
    ],
)
def test_which_machines_can_be_linked_for(machine: str, isa: str | None) -> None:
    assert isa_of_machine(machine) == isa
