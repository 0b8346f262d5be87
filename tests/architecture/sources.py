"""Reading the product's own sources: which modules there are, what they import, what they consist of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PRODUCT = ("compiler", "frontends", "runtime", "bench")


@dataclass(frozen=True)
class SourceFile:
    """One module of the product."""

    name: str
    path: Path
    text: str = field(repr=False)

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    def imported(self) -> set[str]:
        """Every module that an import statement anywhere in this one names, type-checking blocks included."""
        return {name for node in ast.walk(self.tree) for name in _named(node)}


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        yield str(node.module)


@cache
def sources(*packages: str) -> tuple[SourceFile, ...]:
    """The modules of these packages ("compiler.ir"), in order of their paths."""
    found = [
        SourceFile(_module_name(path), path, path.read_text())
        for package in packages
        for path in sorted((REPOSITORY / package.replace(".", "/")).rglob("*.py"))
    ]
    assert found, f"no sources below {packages}"
    return tuple(found)


def _module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
