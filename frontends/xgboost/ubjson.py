"""UBJSON, as far as XGBoost writes it: bytes to dicts, lists, strings, numbers and numpy arrays.

Every length is compared with the bytes that are left before anything is made of it, and nesting is bounded. Numbers are
big-endian; an array of one number type becomes a numpy array. (ubjson.org, draft 12.)
"""

from __future__ import annotations

import struct
from typing import NoReturn

import numpy as np

DEEPEST = 64
"""Containers in each other; a model has eight."""

_NUMBERS: dict[bytes, np.dtype[np.generic]] = {
    b"i": np.dtype(np.int8),
    b"U": np.dtype(np.uint8),
    b"I": np.dtype(">i2"),
    b"l": np.dtype(">i4"),
    b"L": np.dtype(">i8"),
    b"d": np.dtype(">f4"),
    b"D": np.dtype(">f8"),
}
_LENGTHS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


class UbjsonError(ValueError):
    """Bytes that are no UBJSON; the message says at which byte."""


def decode(data: bytes) -> object:
    """The value that the bytes are. Raises UbjsonError."""
    reader = _Reader(data)
    value = reader.value(reader.marker(), 0)
    if reader.position != len(data):
        reader.fail("more bytes follow the document")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def fail(self, reason: str) -> NoReturn:
        raise UbjsonError(f"byte {self.position}: {reason}")

    def take(self, count: int) -> bytes:
        if count < 0 or count > len(self.data) - self.position:
            self.fail(f"{count} bytes are announced, {len(self.data) - self.position} are left")
        taken = self.data[self.position : self.position + count]
        self.position += count
        return taken

    def marker(self) -> bytes:
        while (marker := self.take(1)) == b"N":
            pass
        return marker

    def accept(self, marker: bytes) -> bool:
        if self.data[self.position : self.position + 1] == marker:
            self.position += 1
            return True
        return False

    def length(self) -> int:
        kind = self.take(1)
        if kind not in _LENGTHS:
            self.fail(f"a length cannot be of type {kind!r}")
        layout = _LENGTHS[kind]
        (length,) = struct.unpack(layout, self.take(struct.calcsize(layout)))
        if length < 0:
            self.fail(f"a length of {length}")
        return length

    def text(self) -> str:
        try:
            return self.take(self.length()).decode()
        except UnicodeDecodeError:
            self.fail("a string that is not UTF-8")

    def value(self, marker: bytes, depth: int) -> object:
        if depth > DEEPEST:
            self.fail(f"containers are nested more than {DEEPEST} deep")
        if marker in _NUMBERS:
            dtype = _NUMBERS[marker]
            return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        match marker:
            case b"S":
                return self.text()
            case b"C":
                return self.take(1).decode("latin-1")
            case b"[":
                return self.array(depth)
            case b"{":
                return self.object(depth)
            case _:
                self.fail(f"unknown type {marker!r}")

    def array(self, depth: int) -> object:
        kind, count = self.container()
        if kind in _NUMBERS and count is not None:
            dtype = _NUMBERS[kind]
            return np.frombuffer(self.take(count * dtype.itemsize), dtype).astype(dtype.newbyteorder("="))
        items: list[object] = []
        while (len(items) < count) if count is not None else not self.accept(b"]"):
            items.append(self.value(kind or self.marker(), depth + 1))
        return items

    def object(self, depth: int) -> object:
        kind, count = self.container()
        items: dict[str, object] = {}
        number = 0
        while (number < count) if count is not None else not self.accept(b"}"):
            name = self.text()
            items[name] = self.value(kind or self.marker(), depth + 1)
            number += 1
        return items

    def container(self) -> tuple[bytes, int | None]:
        """The type that all elements have, or nothing, and how many there are, or None."""
        kind = self.take(1) if self.accept(b"$") else b""
        count = self.length() if self.accept(b"#") else None
        if kind and count is None:
            self.fail("a container has a type and no length")
        # An element takes a byte at least; those of constant types would take none.
        if kind in _CONSTANTS or (count is not None and count > len(self.data) - self.position):
            self.fail(f"{count} elements are announced, {len(self.data) - self.position} bytes are left")
        return kind, count
