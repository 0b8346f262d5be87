"""Running the converters of engines in processes of their own: a crash is a refusal, not the benchmark's end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.diagnostics import last_words

TIMEOUT_S = 900.0
"""Seconds that a converter may take, with the compilers that it starts."""


class ConversionTooLong(RuntimeError):
    """An engine's converter, with the compilers that it started, was ended."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"making what it loads takes longer than the limit of {seconds:.0f} s")


class ConversionFailed(RuntimeError):
    """An engine's converter ended without a model."""

    def __init__(self, command: Sequence[str], code: int, diagnostics: str) -> None:
        super().__init__(f"{Path(command[0]).name} ended with status {code}: {last_words(diagnostics)}")


def convert(command: Sequence[str], expected: Path, seconds: float = TIMEOUT_S) -> Path:
    """Run the command, which is to make the file or folder `expected`.

    Raises ConversionFailed, ConversionTooLong.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=seconds)
        except BaseException as ending:
            # What the command has started, compilers for example, is in its session and would go on without it.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(ending, subprocess.TimeoutExpired):
                raise ConversionTooLong(seconds) from ending
            raise
    if process.returncode != 0 or not expected.exists():
        raise ConversionFailed(command, process.returncode, printed)
    return expected
