"""What to quote of the text that a failed process left: the line that names the error."""

from __future__ import annotations

import re

# How a traceback of Python ends: the class, with its modules, and the message.
_RAISED = re.compile(r"[\w.]*(Error|Exception|NotImplemented|Failed)\w*: \S")


def last_words(text: str) -> str:
    """The last line that looks like an exception, else the last line; engines print advice below it."""
    lines = text.strip().splitlines() or ["(it printed nothing)"]
    return next((line for line in reversed(lines) if _RAISED.match(line)), lines[-1])
