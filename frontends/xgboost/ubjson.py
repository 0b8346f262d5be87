"""UBJSON, as far as XGBoost writes it: bytes to dicts, lists, strings, numbers and arrays of one number type.

Every length is compared with the bytes that are left before anything is made of it, and nesting is bounded. Numbers are
big-endian. (ubjson.org, draft 12.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from compiler.ir.literal import Array

DEEPEST = 64
"""Containers in each other; a model has eight."""

_NUMBERS: dict[int, np.dtype[np.generic]] = {
    ord("i"): np.dtype(np.int8),
    ord("U"): np.dtype(np.uint8),
    ord("I"): np.dtype(">i2"),
    ord("l"): np.dtype(">i4"),
    ord("L"): np.dtype(">i8"),
    ord("d"): np.dtype(">f4"),
    ord("D"): np.dtype(">f8"),
}
_LENGTH_BYTES = {ord("i"): 1, ord("U"): 1, ord("I"): 2, ord("l"): 4, ord("L"): 8}
_CONSTANTS = {ord("Z"): None, ord("T"): True, ord("F"): False}
_UNSIGNED = ord("U")
_NO_OPERATION = ord("N")


class UbjsonError(ValueError):
    """Bytes that are no UBJSON; the message says at which byte."""


@dataclass(frozen=True, slots=True)
class TypedArray:
    """An array of one number type as it stands in the file: a model has hundreds of thousands, which are decoded
    together."""

    dtype: np.dtype[np.generic]
    data: bytes

    def __len__(self) -> int:
        return len(self.data) // self.dtype.itemsize

    def decoded(self) -> Array:
        """The numbers, in the byte order of this machine."""
        return np.frombuffer(self.data, self.dtype).astype(self.dtype.newbyteorder("="))


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
        self.end = len(data)
        self.position = 0

    def fail(self, reason: str) -> NoReturn:
        raise UbjsonError(f"byte {self.position}: {reason}")

    def take(self, count: int) -> bytes:
        begin = self.position
        end = begin + count
        if end > self.end:
            self.fail(f"{count} bytes are announced, {self.end - begin} are left")
        self.position = end
        return self.data[begin:end]

    def marker(self) -> int:
        while (marker := self.take(1)[0]) == _NO_OPERATION:
            pass
        return marker

    def accept(self, marker: bytes) -> bool:
        if self.data.startswith(marker, self.position):
            self.position += 1
            return True
        return False

    def length(self) -> int:
        kind = self.take(1)[0]
        size = _LENGTH_BYTES.get(kind)
        if size is None:
            self.fail(f"a length cannot be of type {bytes([kind])!r}")
        length = int.from_bytes(self.take(size), "big", signed=kind != _UNSIGNED)
        if length < 0:
            self.fail(f"a length of {length}")
        return length

    def text(self) -> str:
        try:
            return self.take(self.length()).decode()
        except UnicodeDecodeError:
            self.fail("a string that is not UTF-8")

    def value(self, marker: int, depth: int) -> object:
        match marker:
            case 0x53:  # S
                return self.text()
            case 0x5B:  # [
                return self.array(depth)
            case 0x7B:  # {
                return self.object(depth)
            case 0x43:  # C
                return self.take(1).decode("latin-1")
            case _ if marker in _NUMBERS:
                dtype = _NUMBERS[marker]
                return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()
            case _ if marker in _CONSTANTS:
                return _CONSTANTS[marker]
            case _:
                self.fail(f"unknown type {bytes([marker])!r}")

    def array(self, depth: int) -> TypedArray | list[object]:
        kind, count = self.container(depth)
        if kind in _NUMBERS and count is not None:
            dtype = _NUMBERS[kind]
            return TypedArray(dtype, self.take(count * dtype.itemsize))
        items: list[object] = []
        while (len(items) < count) if count is not None else not self.accept(b"]"):
            items.append(self.value(kind or self.marker(), depth + 1))
        return items

    def object(self, depth: int) -> dict[str, object]:
        kind, count = self.container(depth)
        items: dict[str, object] = {}
        while (len(items) < count) if count is not None else not self.accept(b"}"):
            name = self.text()
            if name in items:
                self.fail(f"the key {name[:40]!r} stands twice in an object")
            items[name] = self.value(kind or self.marker(), depth + 1)
        return items

    def container(self, depth: int) -> tuple[int, int | None]:
        """The type that all elements have, or 0, and how many there are, or None."""
        if depth > DEEPEST:
            self.fail(f"containers are nested more than {DEEPEST} deep")
        kind = self.take(1)[0] if self.accept(b"$") else 0
        count = self.length() if self.accept(b"#") else None
        if kind and count is None:
            self.fail("a container has a type and no length")
        # An element takes a byte at least; those of constant types would take none.
        if kind in _CONSTANTS or (count is not None and count > self.end - self.position):
            self.fail(f"{count} elements are announced, {self.end - self.position} bytes are left")
        return kind, count
