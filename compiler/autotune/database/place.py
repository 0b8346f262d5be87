"""Where a user's tuning database is."""

from __future__ import annotations

import os
from pathlib import Path


def default_database() -> Path:
    """``$KILN_DATABASE``, or ``kiln/tuning.db`` below ``$XDG_DATA_HOME`` or ``~/.local/share``; need not exist."""
    if override := os.environ.get("KILN_DATABASE"):
        return Path(override)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "kiln" / "tuning.db"
