"""A type of command-line argument that the benchmark's commands share beside those of ``compiler.arguments``.

What cannot be right is refused at once, not after minutes of measuring.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def writable_file(text: str) -> Path:
    """A path at which a file can be written."""
    path = Path(text)
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write {text}")
    return path
