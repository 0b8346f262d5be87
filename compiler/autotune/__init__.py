"""The tuner: which configuration of which template is fastest for a task on a target, and a database of the answers.

``Database`` and ``tune`` are loaded when they are first used. ``tune`` is the door to ``compiler.model_tuner``, which
knows models; the tuner itself sees tasks and code generation only, so the door is a name and not an import.
"""

from __future__ import annotations

import importlib

_HOMES = {"Database": "compiler.autotune.database", "tune": "compiler.model_tuner.api"}

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
