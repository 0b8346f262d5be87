"""Which files an installed distribution consists of."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path


def distribution_files(name: str, *, below: str) -> list[Path]:
    """The existing files of distribution `name` under its top-level folder `below`, caches left out."""
    listed = metadata.files(name) or []
    located = (Path(str(entry.locate())) for entry in listed if entry.parts[0] == below)
    return sorted(path for path in located if path.is_file() and "__pycache__" not in path.parts)
