"""Objects of kernels as shared libraries in the process of the tests."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path


def load_objects(objects: Sequence[bytes]) -> ctypes.CDLL:
    """One library of all. The linker is called directly: its driver takes four times as long."""
    library = Path(_folder().name) / f"kernels{next(_NUMBERS)}.so"
    paths: list[Path] = []
    for number, code in enumerate(objects):
        paths.append(library.with_suffix(f".{number}.o"))
        paths[-1].write_bytes(code)
    subprocess.run(["ld", "-shared", "-o", library, *paths, "-lm", _compiler_support()], check=True)
    for path in paths:
        path.unlink()
    return ctypes.CDLL(str(library))


@cache
def _compiler_support() -> str:
    """The static library with what the processor lacks, such as conversions of half floats."""
    found = subprocess.run(["cc", "-print-libgcc-file-name"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="kiln-test-")


_NUMBERS = count()
