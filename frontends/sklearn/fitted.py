"""Access to the attributes of fitted objects: what is missing or of the wrong kind is an error that names the object.

An object comes from a pickle perhaps, so nothing in it is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from compiler.ir.literal import Array
from frontends.errors import MalformedModel, UnreadableModel, UnsupportedModel


@dataclass(frozen=True)
class Fitted:
    """An object, and what to call it in messages."""

    value: object
    name: str

    def fail(self, reason: str) -> NoReturn:
        """Raise MalformedModel for the object."""
        raise MalformedModel(f"{self.name}: {reason}")

    def refuse(self, reason: str) -> NoReturn:
        """Raise UnsupportedModel for the object."""
        raise UnsupportedModel(f"{self.name}: {reason}")

    @property
    def kind(self) -> str:
        """The name of its class."""
        return type(self.value).__name__

    def is_a(self, base: str) -> bool:
        """Whether a class of that name is among its bases."""
        return any(cls.__name__ == base for cls in type(self.value).__mro__)

    def has(self, attribute: str) -> bool:
        """Whether it has an attribute."""
        return hasattr(self.value, attribute)

    def get(self, attribute: str) -> object:
        """An attribute; raises UnreadableModel if it is absent, as those are that fitting makes."""
        try:
            return getattr(self.value, attribute)
        except AttributeError:
            raise UnreadableModel(f"{self.name}: it is not fitted, it has no {attribute!r}") from None

    def setting(self, attribute: str, absent: object) -> object:
        """An attribute that other releases may not have."""
        return getattr(self.value, attribute, absent)

    def count(self, attribute: str) -> int:
        """A number that is not negative."""
        value = self.get(attribute)
        if not isinstance(value, int | np.integer) or value < 0:
            self.fail(f"{attribute} is no count")
        return int(value)

    def floats(self, attribute: str) -> Array:
        """``f64[...]``"""
        return self.numbers(self.get(attribute), attribute).astype(np.float64)

    def numbers(self, value: object, what: str) -> Array:
        """An array of numbers or bools, of any shape."""
        array = np.asarray(value)
        if array.dtype == object and all(isinstance(item, int | float) for item in array.reshape(-1)):
            array = array.astype(np.float64)
        if array.dtype.kind not in "biuf":
            self.fail(f"{what} are no numbers")
        return array

    def items(self, attribute: str) -> list[Fitted]:
        """The objects in a list or array, one after the other."""
        value = self.get(attribute)
        if not isinstance(value, list | tuple | np.ndarray):
            self.fail(f"{attribute} is no list")
        parts: list[list[object]] = [list(part) if isinstance(part, list | np.ndarray) else [part] for part in value]
        flat = [item for part in parts for item in part]
        return [Fitted(item, f"{self.name}: tree {number}") for number, item in enumerate(flat)]
