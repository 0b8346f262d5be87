"""Read what we must know of a relocatable ELF object: which symbols it defines and which it needs.

Owns the little of the ELF format that this takes (System V ABI, chapter 4: little-endian, 32 and 64 bits).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SHT_SYMTAB = 2
_STB_LOCAL = 0
_SHN_UNDEF = 0


class NotAnObjectError(Exception):
    """The bytes are not a little-endian ELF object."""


@dataclass(frozen=True)
class _Format:
    """Where the fields lie that the two ELF classes place differently."""

    section_table: str
    """Of the file header: offset of the section table, then (after ``_``) entry size and count."""
    section: str
    """Of a section header: type, offset, size, link."""
    symbol_size: int


_FORMATS = {
    1: _Format(section_table="<I10xHH", section="<4xI8xIII", symbol_size=16),
    2: _Format(section_table="<Q10xHH", section="<4xI16xQQI", symbol_size=24),
}
_SECTION_TABLE_AT = {1: 0x20, 2: 0x28}


def undefined_symbols(data: bytes) -> frozenset[str]:
    """Names that the object needs from outside."""
    return frozenset(name for name, section in _global_symbols(data) if section == _SHN_UNDEF)


def defined_symbols(data: bytes) -> frozenset[str]:
    """Names that the object provides, weak ones included."""
    return frozenset(name for name, section in _global_symbols(data) if section != _SHN_UNDEF)


def _global_symbols(data: bytes) -> Iterator[tuple[str, int]]:
    """Name and section index of each symbol that is not local."""
    elf_class, byte_order = data[4:6] if data[:4] == b"\x7fELF" and len(data) >= 64 else (0, 0)
    if elf_class not in _FORMATS or byte_order != 1:
        raise NotAnObjectError(f"not a little-endian ELF object: {data[:6]!r}")
    layout = _FORMATS[elf_class]
    sections = list(_sections(data, layout, _SECTION_TABLE_AT[elf_class]))
    for kind, offset, size, link in sections:
        if kind != _SHT_SYMTAB:
            continue
        _, names, names_size, _ = sections[link]
        table = data[names : names + names_size]
        for at in range(offset, offset + size, layout.symbol_size):
            name, info, section = _symbol(data, at, elf_class)
            if name and info >> 4 != _STB_LOCAL:
                yield table[name : table.index(b"\0", name)].decode(), section


def _sections(data: bytes, layout: _Format, at: int) -> Iterator[tuple[int, int, int, int]]:
    start, entry_size, count = struct.unpack_from(layout.section_table, data, at)
    for index in range(count):
        yield struct.unpack_from(layout.section, data, start + index * entry_size)


def _symbol(data: bytes, at: int, elf_class: int) -> tuple[int, int, int]:
    """Offset of the name, info byte and section index of one symbol."""
    if elf_class == 1:
        name, info, section = struct.unpack_from("<I8xBxH", data, at)
    else:
        name, info, section = struct.unpack_from("<IBxH", data, at)
    return name, info, section
