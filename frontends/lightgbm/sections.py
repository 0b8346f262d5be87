"""LightGBM's text as sections of ``key=value`` lines, with typed access: an error names the section and the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from compiler.ir.literal import Array
from frontends.errors import MalformedModel, UnreadableModel

_FIRST_LINE = "tree"
_END = "end of trees"


@dataclass(frozen=True)
class Section:
    """The lines of the header, or of one tree. A line without ``=`` is a key without a value."""

    title: str
    values: Mapping[str, str]

    def fail(self, reason: str) -> NoReturn:
        """Raise MalformedModel for this section."""
        raise MalformedModel(f"{self.title}: {reason}")

    def text(self, key: str) -> str:
        """A value that must be there."""
        return self.values[key] if key in self.values else self.fail(f"has no {key!r}")

    def count(self, key: str, absent: int | None = None) -> int:
        """A number that is not negative."""
        if key not in self.values and absent is not None:
            return absent
        value = self.text(key).strip()
        number = int(value) if value.isascii() and value.isdecimal() and len(value) < 11 else -1
        return number if 0 <= number < 2**31 else self.fail(f"{key} is no count: {value[:40]!r}")

    def integers(self, key: str, count: int | None = None, limit: int = 2**31) -> Array:
        """``i64[count]`` in ``-limit`` to ``limit - 1``."""
        try:
            array = np.array([int(word) for word in self.text(key).split()], np.int64)
        except (ValueError, OverflowError):
            self.fail(f"{key} is no list of integers")
        if array.size and not -limit <= int(array.min()) <= int(array.max()) < limit:
            self.fail(f"{key} has numbers out of range")
        return self._checked(key, array, count)

    def floats(self, key: str, count: int) -> Array:
        """``f64[count]``; NaN and infinities are some."""
        try:
            array = np.array([float(word) for word in self.text(key).split()], np.float64)
        except ValueError:
            self.fail(f"{key} is no list of numbers")
        return self._checked(key, array, count)

    def _checked(self, key: str, array: Array, count: int | None) -> Array:
        if count is not None and array.size != count:
            self.fail(f"{key} has {array.size} entries, expected {count}")
        return array


def read_sections(data: bytes, name: str) -> tuple[Section, list[Section]]:
    """The header and the trees. Raises UnreadableModel, MalformedModel."""
    lines = data.decode("utf-8", "replace").splitlines()
    if not data.strip():
        raise UnreadableModel(f"{name}: the file is empty")
    if lines[0].strip() != _FIRST_LINE:
        raise UnreadableModel(f"{name}: no text model of LightGBM, which begins with a line {_FIRST_LINE!r}")
    header: dict[str, str] = {}
    trees: list[Section] = []
    values, is_over = header, False
    for line in lines[1:]:
        if line.strip() == _END:
            is_over = True
            break
        key, _, value = line.partition("=")
        if key == "Tree":
            values = {}
            trees.append(Section(f"{name}: tree {len(trees)}", values))
        elif key == "feature importances:" or key == "parameters:":
            break
        elif key:
            values[key] = value
    head = Section(f"{name}: the header", header)
    _check_complete(head, trees, is_over, name)
    return head, trees


def _check_complete(header: Section, trees: list[Section], is_over: bool, name: str) -> None:
    """Versions before v3 have no line that ends the trees; the last line of each tree, and their number, are known."""
    stated = len(header.values["tree_sizes"].split()) if "tree_sizes" in header.values else None
    if not is_over and (stated is None or not trees):
        raise UnreadableModel(f"{name}: truncated: nothing says that the trees are complete")
    if stated is not None and stated != len(trees):
        raise UnreadableModel(f"{name}: truncated or edited: it states {stated} trees and has {len(trees)}")
    for tree in trees:
        if not tree.values.get("shrinkage"):
            raise UnreadableModel(f"{tree.title}: truncated: it has no 'shrinkage', the last line of a tree")
