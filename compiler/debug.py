"""Debug switches: the words in ``KILN_DEBUG``, read once. ``KILN_DEBUG=1`` means ``traceback,verify``.

Knows nothing of what the switches do; at most eight of them.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from dataclasses import dataclass


@dataclass(frozen=True)
class Debug:
    """Each switch is off unless its name, with ``-`` for ``_``, is in the list."""

    traceback: bool = False
    """Show the Python traceback of errors."""
    verify: bool = False
    """Verify the graph between passes."""
    dump: bool = False
    """Write plan.txt and model.c of a build to the folder kiln-debug."""

    @staticmethod
    def parse(text: str) -> Debug:
        """The switches that ``text`` lists, separated by commas; other words are warned of and ignored."""
        names = {field.name.replace("_", "-"): field.name for field in dataclasses.fields(Debug)}
        words = [word.strip() for word in text.replace("1", "traceback,verify").split(",") if word.strip()]
        for word in set(words) - names.keys():
            warnings.warn(f"KILN_DEBUG: {word!r} is no switch; there are {', '.join(names)}", stacklevel=2)
        return Debug(**{names[word]: True for word in words if word in names})


DEBUG = Debug.parse(os.environ.get("KILN_DEBUG", ""))
