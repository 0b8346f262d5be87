"""Typed access to a document: what is missing or of the wrong kind is an error that names the place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn, cast

from compiler.ir.literal import Array
from frontends.errors import MalformedModel
from frontends.xgboost.columns import floats_of, integers_of


@dataclass(frozen=True)
class Field:
    """A value in a document, and where it stands there."""

    value: object
    path: str

    def fail(self, reason: str) -> NoReturn:
        """Raise MalformedModel for this place."""
        raise MalformedModel(f"{self.path}: {reason}")

    def __getitem__(self, key: str) -> Field:
        """A member of an object."""
        member = self.get(key)
        if member is None:
            self.fail(f"has no {key!r}")
        return member

    def get(self, key: str) -> Field | None:
        """A member of an object, or None."""
        if not isinstance(self.value, dict):
            self.fail("is no object")
        members = cast("dict[str, object]", self.value)
        return Field(members[key], f"{self.path}.{key}") if key in members else None

    def items(self) -> Iterator[Field]:
        """The elements of an array of objects."""
        if not isinstance(self.value, list):
            self.fail("is no array")
        for number, item in enumerate(cast("list[object]", self.value)):
            yield Field(item, f"{self.path}[{number}]")

    def text(self) -> str:
        """A string."""
        return self.value if isinstance(self.value, str) else self.fail("is no string")

    def count(self) -> int:
        """An integer that is not negative, written as a number or, as XGBoost does, as a string."""
        try:
            number = int(self.value) if isinstance(self.value, str | int) else -1
        except ValueError:
            number = -1
        return number if 0 <= number < 2**31 else self.fail(f"is no count: {str(self.value)[:40]!r}")

    def integers(self) -> Array:
        """An array of 32-bit integers, ``i32[n]``; booleans are 0 and 1."""
        values = integers_of([self.value])
        return self.fail("is no array of 32-bit integers") if values is None else values

    def floats(self) -> Array:
        """An array of numbers rounded to ``f32[n]``; NaN and infinities are some."""
        values = floats_of([self.value])
        return self.fail("is no array of numbers") if values is None else values
