"""Kiln: compiles trained models to small native artifacts.

The names of the Python API are loaded when they are first used (PEP 562), so that ``import compiler.ir``
costs nothing more than the IR. What they are stands in ``__init__.pyi``.
"""

from __future__ import annotations

import importlib

_HOMES = {
    "Artifact": "compiler.artifact",
    "BuildError": "compiler.errors",
    "Target": "compiler.targets",
    "VerificationError": "compiler.errors",
    "compile": "compiler.driver",
    "load": "compiler.driver",
}

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
