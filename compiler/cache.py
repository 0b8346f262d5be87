"""The cache of builds: where it is, and how it is kept from growing without end.

Everything in it can be made again: kernels, objects of C sources, expected outputs. Knows nothing of their formats.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from runtime.archive import cache_root

LIMIT_BYTES = 4 << 30
BUILT = "built"
PARTS = ("kernels", "c", "expected", BUILT)
"""What is pruned; staging folders are not, they belong to builds that run."""


def default_cache() -> Path:
    """The folder of the user's cache, below ``$KILN_CACHE`` or ``~/.cache/kiln``."""
    return cache_root() / "build"


def was_built(cache: Path, identity: str) -> bool:
    """Whether ``remember_built`` was called with this digest, so that most of a build is in the cache already."""
    return (cache / BUILT / identity).exists()


def remember_built(cache: Path, identity: str) -> None:
    """Remember a build that came to its end. Where that cannot be written, a later one only begins more slowly."""
    with suppress(OSError):
        (cache / BUILT).mkdir(parents=True, exist_ok=True)
        (cache / BUILT / identity).touch()


def prune(cache: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Remove the files that were not used for longest until the rest takes at most ``limit_bytes``.

    A file's time of modification is that of its last use; another process may remove files meanwhile.
    """
    used: list[tuple[float, int, str]] = []
    for part in PARTS:
        for folder, _, names in os.walk(cache / part):
            for name in names:
                path = os.path.join(folder, name)
                with suppress(OSError):
                    status = os.stat(path)
                    used.append((status.st_mtime, status.st_size, path))
    excess = sum(size for _, size, _ in used) - limit_bytes
    for _, size, path in sorted(used):
        if excess <= 0:
            return
        with suppress(OSError):
            os.unlink(path)
        excess -= size
