"""Reads from an ELF file what a dynamic loader would: dependencies, required symbol versions, exports.

This is how Kiln proves that an artifact needs nothing but the C library, and which C library. It works on
stripped files, and for any machine's files on any machine.

Source: System V ABI, "Object Files" and "Dynamic Linking"; Linux Standard Base, "Symbol Versioning".
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

_MACHINES = {62: "x86_64", 183: "aarch64", 40: "arm"}
_PT_LOAD, _PT_DYNAMIC = 1, 2
_SHT_DYNSYM = 11
_DT_NEEDED, _DT_STRTAB, _DT_VERNEED, _DT_VERNEEDNUM = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF
_STB_LOCAL, _SHN_UNDEF = 0, 0
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
_RELATIVE_RELOCATIONS = ("GLIBC_ABI_DT_RELR", (2, 36))


class ElfError(ValueError):
    """Not an ELF file, or one that is cut short or inconsistent."""


@dataclass(frozen=True, slots=True)
class Elf:
    """What one dynamically linked ELF file asks for and offers.

    Attributes:
        isa: ``x86_64``, ``aarch64``, ``arm``, or ``machine N`` for any other.
        needed: libraries that the loader must find, in order.
        versions: for each library, the symbol versions required of it, sorted.
        exports: names of defined global symbols, sorted.
        imports: names of undefined symbols, sorted.
    """

    isa: str
    needed: tuple[str, ...]
    versions: tuple[tuple[str, tuple[str, ...]], ...]
    exports: tuple[str, ...]
    imports: tuple[str, ...]

    @property
    def glibc(self) -> str | None:
        """The oldest GNU C library that can load the file, such as ``2.27``; ``None`` if it asks for none."""
        found = [version for _, names in self.versions for name in names if (version := _glibc_version(name))]
        return ".".join(map(str, max(found))) if found else None


def _glibc_version(name: str) -> tuple[int, int] | None:
    if name == _RELATIVE_RELOCATIONS[0]:
        return _RELATIVE_RELOCATIONS[1]
    match = _GLIBC.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def read_elf(path: Path) -> Elf:
    """The dynamic section of the little-endian ELF file at ``path``, 32 or 64 bits.

    Raises:
        OSError: the file cannot be read.
        ElfError: it is not such a file, or damaged.
    """
    try:
        return _Reader(path.read_bytes()).read()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ElfError(f"{path}: damaged ELF file: {error}") from error
    except ElfError as error:
        raise ElfError(f"{path}: {error}") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] != 1:
            raise ElfError("not a little-endian ELF file")
        self._data = data
        self._wide = data[4] == 2
        self._word = "Q" if self._wide else "I"
        self._machine: int = self._unpack("H", 18)[0]
        self._loads: list[tuple[int, int, int]] = []  # address, offset in the file, size in the file
        self._tags: list[tuple[int, int]] = []

    def read(self) -> Elf:
        self._read_program_headers()
        names = self._first(_DT_STRTAB)
        strings = self._offset(names) if names else 0
        needed = tuple(self._string(strings + value) for tag, value in self._tags if tag == _DT_NEEDED)
        exports, imports = self._symbols(strings)
        isa = _MACHINES.get(self._machine, f"machine {self._machine}")
        return Elf(isa, needed, self._versions(strings), exports, imports)

    def _unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from("<" + layout, self._data, offset)

    def _string(self, offset: int) -> str:
        end = self._data.find(b"\0", offset)
        if end < 0:
            raise ElfError("a name runs past the end of the file")
        return self._data[offset:end].decode()

    def _first(self, tag: int) -> int | None:
        return next((value for key, value in self._tags if key == tag), None)

    def _offset(self, address: int) -> int:
        for start, offset, size in self._loads:
            if start <= address < start + size:
                return address - start + offset
        raise ElfError(f"address {address:#x} is in no segment")

    def _read_program_headers(self) -> None:
        table = self._unpack(self._word, 32 if self._wide else 28)[0]
        size, count = self._unpack("HH", 54 if self._wide else 42)
        for index in range(count):
            base = table + index * size
            kind = self._unpack("I", base)[0]
            if self._wide:
                offset, address, _, filled = self._unpack("QQQQ", base + 8)
            else:
                offset, address, _, filled = self._unpack("IIII", base + 4)
            if kind == _PT_LOAD:
                self._loads.append((address, offset, filled))
            if kind == _PT_DYNAMIC:
                self._read_dynamic(offset, filled)

    def _read_dynamic(self, offset: int, size: int) -> None:
        step = 16 if self._wide else 8
        for at in range(offset, offset + size - step + 1, step):
            tag, value = self._unpack(2 * self._word, at)
            if tag == 0:
                return
            self._tags.append((tag, value))

    def _versions(self, strings: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        table, count = self._first(_DT_VERNEED), self._first(_DT_VERNEEDNUM)
        if table is None or count is None:
            return ()
        result: list[tuple[str, tuple[str, ...]]] = []
        entry = self._offset(table)
        for _ in range(count):
            _, versions, library, first, following = self._unpack("HHIII", entry)
            names: list[str] = []
            at = entry + first
            for _ in range(versions):
                _, _, _, name, step = self._unpack("IHHII", at)
                names.append(self._string(strings + name))
                if not step:
                    break
                at += step
            result.append((self._string(strings + library), tuple(sorted(names))))
            if not following:
                break  # the end of the chain, whatever the count says
            entry += following
        return tuple(sorted(result))

    def _symbols(self, strings: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        base, length = self._symbol_table()
        size = 24 if self._wide else 16
        exports: list[str] = []
        imports: list[str] = []
        for at in range(base + size, base + length - size + 1, size):  # the first entry is always empty
            name, info, _, section = self._unpack("IBBH", at) if self._wide else self._symbol32(at)
            if info >> 4 != _STB_LOCAL:
                (imports if section == _SHN_UNDEF else exports).append(self._string(strings + name))
        return tuple(sorted(exports)), tuple(sorted(imports))

    def _symbol32(self, at: int) -> tuple[int, int, int, int]:
        name, _, _, info, other, section = self._unpack("IIIBBH", at)
        return name, info, other, section

    def _symbol_table(self) -> tuple[int, int]:
        """Offset and length of the dynamic symbols. Only a section header says how many there are."""
        table = self._unpack(self._word, 40 if self._wide else 32)[0]
        size, count = self._unpack("HH", 58 if self._wide else 46)
        for header in range(table, table + size * count, size) if size else ():
            if self._unpack("I", header + 4)[0] == _SHT_DYNSYM:
                offset, length = self._unpack(2 * self._word, header + (24 if self._wide else 16))
                return offset, length
        raise ElfError("no table of dynamic symbols: not a dynamically linked file, or its sections were removed")
