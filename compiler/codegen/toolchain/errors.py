"""What can go wrong between C text and a linked library. One class per kind of message."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_SHOWN_LINES = 12


class ToolchainError(RuntimeError):
    """Base of everything that this package raises on purpose."""


class NoCompilerError(ToolchainError):
    """No C compiler for a target on this machine; the message says what was tried and what to install."""


class CompileError(ToolchainError):
    """A compiler or linker refused its input.

    Attributes:
        command: what was run, as it can be pasted into a shell.
        output: everything that it printed.
    """

    def __init__(self, summary: str, command: Sequence[str], output: str) -> None:
        self.command = shlex.join(command)
        self.output = output
        super().__init__(f"{summary}\n{_first_errors(output)}\ncommand: {self.command}")


class CompileTimeoutError(CompileError):
    """A compiler or linker did not finish in time and was stopped, together with its children."""


class DependencyError(ToolchainError):
    """A linked library wants something at run time that a device may not have."""


def _first_errors(output: str) -> str:
    """The output from the first line that says what is wrong, or from its beginning where none does."""
    lines = [line for line in output.splitlines() if line.strip()]
    start = next((i for i, line in enumerate(lines) if "error" in line or "undefined" in line), 0)
    return "\n".join(lines[start : start + _SHOWN_LINES])
