"""What a build raises: one clear message each, for the person who asked for the build."""

import tempfile
from pathlib import Path


class BuildError(Exception):
    """A build failed; the message names the file or node, and the cause."""


class VerificationError(BuildError):
    """The compiled model's numbers are wrong."""


def why_unwritable(path: Path) -> str | None:
    """Why no file or directory can be made at ``path``, found by making one without a name; None if one can.

    Folders above ``path`` that are not there yet count as made.
    """
    existing = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return None
    except OSError:
        return f"{existing} is not a directory that can be written"


def os_error_text(error: OSError) -> str:
    """``FILE: No such file or directory``, without the number that Python puts before it."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
