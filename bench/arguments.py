"""What the benchmark's commands share beside ``compiler.arguments``: how a parser is made, and a type of argument.

What cannot be right is refused at once, not after minutes of measuring.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def command_parser(command: str, description: str | None, examples: str) -> argparse.ArgumentParser:
    """A parser without arguments for ``python -m bench.COMMAND``, whose help shows both texts as they are written."""
    return argparse.ArgumentParser(
        prog=f"python -m bench.{command}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def writable_file(text: str) -> Path:
    """A path at which a file can be written."""
    path = Path(text)
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write {text}")
    return path
