"""Typed access to the fields of a JSON document; errors name the file, the place and what was expected."""

from collections.abc import ItemsView
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from runtime.errors import ManifestError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True)
class Fields:
    """A JSON object at `place` in the file `path`. Readers raise ManifestError on another type."""

    values: dict[str, Json]
    path: Path
    place: str

    @staticmethod
    def of_root(document: object, path: Path) -> "Fields":
        if not isinstance(document, dict):
            raise ManifestError(path, "expected a JSON object")
        return Fields(cast("dict[str, Json]", document), path, "")

    def error(self, key: str, expected: str) -> ManifestError:
        where = f"{self.place}.{key}" if self.place else key
        got = repr(self.values[key]) if key in self.values else "nothing"
        return ManifestError(self.path, f"'{where}': expected {expected}, got {got[:80]}")

    def items(self) -> ItemsView[str, Json]:
        return self.values.items()

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.error(key, "a string")
        return value

    def optional_text(self, key: str) -> str | None:
        return None if key in self.values and self.values[key] is None else self.text(key)

    def integer(self, key: str) -> int:
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(key, "an integer >= 0")
        return value

    def number(self, key: str) -> float:
        value = self.values.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
            raise self.error(key, "a number >= 0")
        return float(value)

    def record(self, key: str) -> "Fields":
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise self.error(key, "an object")
        return Fields(value, self.path, f"{self.place}.{key}" if self.place else key)

    def records(self, key: str) -> list["Fields"]:
        rows: list[Fields] = []
        for i, row in enumerate(self._list(key)):
            if not isinstance(row, dict):
                raise self.error(key, "a list of objects")
            rows.append(Fields(row, self.path, f"{self.place}{key}[{i}]"))
        return rows

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._list(key)
        texts = tuple(item for item in value if isinstance(item, str))
        if len(texts) != len(value):
            raise self.error(key, "a list of strings")
        return texts

    def all_texts(self) -> dict[str, str]:
        return {key: self.text(key) for key in self.values}

    def dimensions(self, key: str) -> tuple[int | None, ...]:
        dims: list[int | None] = []
        for d in self._list(key):
            if isinstance(d, bool) or not (d is None or (isinstance(d, int) and d >= 0)):
                raise self.error(key, "a list of integers >= 0 or null")
            dims.append(d)
        return tuple(dims)

    def _list(self, key: str) -> list[Json]:
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.error(key, "a list")
        return value
