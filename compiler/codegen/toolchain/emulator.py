"""How a program of a target can be run on this machine: as it is, under qemu-user, or not at all."""

from __future__ import annotations

import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compiler.codegen.toolchain.errors import CompileTimeoutError
from compiler.codegen.toolchain.process import run
from compiler.targets import CpuInfo, Target, TargetError, read_cpuinfo

_PROBE_TIMEOUT_S: Final = 20.0
_QEMU: Final = {"x86_64": "qemu-x86_64", "aarch64": "qemu-aarch64", "arm": "qemu-arm"}
_LOADERS: Final = {
    "x86_64": "lib64/ld-linux-x86-64.so.2",
    "aarch64": "lib/ld-linux-aarch64.so.1",
    "arm": "lib/ld-linux-armhf.so.3",
}
_LIBC_PACKAGES: Final = {
    "x86_64": "libc6-amd64-cross",
    "aarch64": "libc6-arm64-cross",
    "arm": "libc6-armhf-cross",
}


@dataclass(frozen=True, slots=True)
class Execution:
    """How programs of a target run here.

    Attributes:
        kind: ``native``, ``emulated`` (numbers mean something, times do not) or ``none``.
        prefix: the words to put before the program.
        reason: one line for the user: what is used, or what is missing and how to get it.
    """

    kind: str
    prefix: tuple[str, ...]
    reason: str


def emulator(target: Target) -> list[str] | None:
    """The prefix that runs a program of ``target`` here: ``[]`` natively, ``None`` if there is no way."""
    execution = how_to_run(target)
    return None if execution.kind == "none" else list(execution.prefix)


def how_to_run(target: Target) -> Execution:
    """How a program of ``target`` runs on this machine.

    A program that is dynamically linked, as one must be that loads a ``model.so``, needs the target's own
    loader and C library under the emulator. No compiler brings those (zig has stubs to link against, not the
    code), so they come from the distribution's cross libraries.
    """
    machine = _this_machine()
    if machine is not None and machine.isa == target.isa:
        missing = sorted(set(target.features) - machine.features)
        if not missing:
            return Execution("native", (), "runs on this machine as it is")
        lack = f"this processor lacks {', '.join(missing)}"
    else:
        lack = f"this machine is not {target.isa}"
    return _emulated(target, lack)


@functools.cache
def _this_machine() -> CpuInfo | None:
    try:
        return read_cpuinfo()
    except TargetError:
        return None  # a machine that Kiln has no target for can still cross-build, and emulate


def _emulated(target: Target, lack: str) -> Execution:
    name = _QEMU[target.isa]
    if target.qemu_cpu is None:
        return Execution("none", (), f"{lack}, and qemu-user emulates no processor that has everything")
    qemu = shutil.which(name) or shutil.which(f"{name}-static")
    if qemu is None:
        return Execution("none", (), f"{lack}, and {name} is not installed (apt install qemu-user)")
    if target.qemu_cpu not in _cpus(qemu):
        return Execution("none", (), f"{lack}, and {qemu} does not know the CPU {target.qemu_cpu}; a newer one may")
    prefix = (qemu, "-cpu", target.qemu_cpu)
    if "QEMU_LD_PREFIX" in os.environ:
        return Execution("emulated", prefix, f"under {name} as {target.qemu_cpu}")
    root = _sysroot(target)
    if root is None:
        package = _LIBC_PACKAGES[target.isa]
        return Execution("none", (), f"{lack}, and {name} has no C library for it (apt install {package})")
    return Execution("emulated", (*prefix, "-L", root), f"under {name} as {target.qemu_cpu}")


def _sysroot(target: Target) -> str | None:
    """Where the target's loader is: cross libraries, or the packages of a foreign architecture."""
    roots = (f"/usr/{target.gnu_triple}", "/")
    return next((root for root in roots if Path(root, _LOADERS[target.isa]).exists()), None)


@functools.cache
def _cpus(qemu: str) -> frozenset[str]:
    try:
        return frozenset(run((qemu, "-cpu", "help"), timeout=_PROBE_TIMEOUT_S).output.split())
    except (OSError, CompileTimeoutError):
        return frozenset()
