"""What this process can load: its architecture, by comparing ELF headers, and its C library."""

import os
import struct
from pathlib import Path

from runtime.errors import TargetMismatchError
from runtime.manifest import LIBRARY, Manifest

# e_machine of the ELF header (System V ABI, chapter 4, and its processor supplements).
_MACHINES = {3: "x86 (32-bit)", 40: "ARM (32-bit)", 62: "x86-64", 183: "ARM (64-bit)", 243: "RISC-V"}
_ELF_HEAD_BYTES = 20
_THIS_PROGRAM = Path("/proc/self/exe")


def _elf_machine(path: Path) -> tuple[int, int] | None:
    """(class, machine) of an ELF file, None for any other file. Class 1 is 32-bit, 2 is 64-bit."""
    with path.open("rb") as file:
        head = file.read(_ELF_HEAD_BYTES)
    if len(head) < _ELF_HEAD_BYTES or head[:4] != b"\x7fELF":
        return None
    (machine,) = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
    return head[4], machine


def _describe(machine: tuple[int, int] | None) -> str:
    return "not an ELF library" if machine is None else _MACHINES.get(machine[1], f"ELF machine {machine[1]}")


def _glibc_version() -> tuple[int, ...] | None:
    """(major, minor) of the running glibc; None with another C library."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return None
    return _version(text.removeprefix("glibc "))


def _version(text: str) -> tuple[int, ...] | None:
    parts = text.split(".")
    return tuple(map(int, parts)) if all(part.isdigit() for part in parts) else None


def check_host(directory: Path, manifest: Manifest) -> None:
    """Raise TargetMismatchError when model.so cannot even be loaded into this process.

    CPU features within an architecture are the C runtime's to check, which asks the CPU itself.
    """
    library, process = _elf_machine(directory / LIBRARY), _elf_machine(_THIS_PROGRAM)
    if library != process:
        raise TargetMismatchError(
            directory,
            f"compiled for {manifest.target.name} ({_describe(library)}); this process is {_describe(process)}",
        )
    needed, have = manifest.target.min_glibc, _glibc_version()
    if needed is None:
        return
    if have is None:
        raise TargetMismatchError(directory, f"needs glibc {needed}; this process runs on another C library")
    wanted = _version(needed)
    if wanted is None or wanted > have:
        raise TargetMismatchError(directory, f"needs glibc {needed}; this machine has {'.'.join(map(str, have))}")
