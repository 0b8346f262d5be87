"""Finds a C compiler for a target. Knows where compilers are, not what is compiled.

In order: ``$CC`` if it makes code for the target; zig, where the target names the oldest C library it must
load with, since zig links against any glibc while an installed gcc links against its own; the installed gcc
or clang; zig for the rest. What an artifact really needs is read back from it (``SharedLibrary.elf.glibc``).
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from compiler.codegen.toolchain.compiler import CCompiler
from compiler.codegen.toolchain.errors import CompileTimeoutError, NoCompilerError
from compiler.codegen.toolchain.process import Finished, run
from compiler.targets import Target

_PROBE_TIMEOUT_S: Final = 20.0
_DEBIAN_PACKAGES: Final = {
    "x86_64": "gcc-x86-64-linux-gnu",
    "aarch64": "gcc-aarch64-linux-gnu",
    "arm": "gcc-arm-linux-gnueabihf",
}


@dataclass(frozen=True, slots=True)
class _Driver:
    """What a compiler driver says of itself."""

    machine: str
    version: str


def find_compiler(target: Target) -> CCompiler:
    """The compiler that links artifacts for ``target``.

    Raises:
        NoCompilerError: there is none, or ``$CC`` cannot be run; the message says what to install.
    """
    found = next(_candidates(target), None)
    if found is None:
        native = platform.machine() == target.isa
        package = "gcc libc6-dev" if native else _DEBIAN_PACKAGES[target.isa]
        raise NoCompilerError(
            f"no C compiler for {target.gnu_triple} (target {target.name}): tried $CC,"
            f" {', '.join(_driver_names(target))} and zig. Install one:"
            f" pip install 'kiln-compiler[cross]' (zig), or apt install {package}"
        )
    return found


def _candidates(target: Target) -> Iterator[CCompiler]:
    if chosen := os.environ.get("CC"):
        command = _located(shlex.split(chosen))
        driver = _probe(command) if command else None
        if command is None or driver is None:
            raise NoCompilerError(f"$CC is {chosen!r}, which is not a compiler that runs here")
        if isa_of_machine(driver.machine) == target.isa:
            yield _cc(command, driver, target)
    zig = _zig()
    if zig is not None and target.min_glibc is not None:
        yield _zig_compiler(zig, target, f"{target.gnu_triple}.{target.min_glibc}")
    for name in _driver_names(target):
        command = _located([name])
        driver = _probe(command) if command else None
        if command and driver and isa_of_machine(driver.machine) == target.isa:
            yield _cc(command, driver, target)
    if zig is not None:
        yield _zig_compiler(zig, target, f"{target.gnu_triple}{_own_glibc()}")


def _driver_names(target: Target) -> tuple[str, ...]:
    return "cc", "gcc", "clang", f"{target.gnu_triple}-gcc", f"{target.gnu_triple}-clang"


def isa_of_machine(machine: str) -> str | None:
    """The ISA of a GNU triple such as ``aarch64-linux-gnu``; ``None`` where Kiln's objects cannot be linked.

    32-bit Arm counts only with the hard-float ABI, and x86-64 only with 64-bit pointers.
    """
    if "linux" not in machine:
        return None
    if machine.startswith("x86_64") and not machine.endswith("x32"):
        return "x86_64"
    if machine.startswith("aarch64-"):
        return "aarch64"
    return "arm" if machine.startswith("arm") and machine.endswith("eabihf") else None


def _located(command: list[str]) -> tuple[str, ...] | None:
    program = shutil.which(command[0]) if command else None
    return (program, *command[1:]) if program else None


@functools.cache
def _probe(command: tuple[str, ...]) -> _Driver | None:
    """Asks a driver for its triple and version; ``None`` if it does not answer as gcc and clang do."""
    try:
        machine = run((*command, "-dumpmachine"), timeout=_PROBE_TIMEOUT_S)
        version = run((*command, "--version"), timeout=_PROBE_TIMEOUT_S)
    except (OSError, CompileTimeoutError):
        return None
    if machine.status or version.status:
        return None
    return _Driver(_first_line(machine), _first_line(version))


def _first_line(finished: Finished) -> str:
    return finished.output.strip().partition("\n")[0]


def _cc(command: tuple[str, ...], driver: _Driver, target: Target) -> CCompiler:
    return CCompiler("cc", command, target, f"{driver.version} [{driver.machine}]")


def _zig() -> str | None:
    """The zig program: the one of the Python package, else the one on the path."""
    package = importlib.util.find_spec("ziglang")
    for folder in (package.submodule_search_locations or ()) if package else ():
        if os.access(program := os.path.join(folder, "zig"), os.X_OK):
            return program
    return shutil.which("zig")


def _zig_compiler(zig: str, target: Target, triple: str) -> CCompiler:
    return CCompiler("zig", (zig, "cc", "-target", triple), target, f"zig {_zig_version(zig)} [{triple}]")


@functools.cache
def _zig_version(zig: str) -> str:
    try:
        return _first_line(run((zig, "version"), timeout=_PROBE_TIMEOUT_S))
    except (OSError, CompileTimeoutError) as error:
        raise NoCompilerError(f"{zig} does not run here: {error}") from error


def _own_glibc() -> str:
    """``.2.36`` where this machine runs glibc 2.36: what zig should link the host's artifacts against."""
    name = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
    return f".{name.split()[-1]}" if name else ""
