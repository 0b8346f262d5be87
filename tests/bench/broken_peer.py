"""A peer that refuses every model, for the tests of how the benchmark reports that."""

from __future__ import annotations

from pathlib import Path


def prepare(model: Path, directory: Path, target: str) -> Path:
    """Refuse."""
    raise RuntimeError("this engine refuses everything")
