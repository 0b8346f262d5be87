"""Running the converters of engines in processes of their own: a crash is a refusal, not the benchmark's end."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.diagnostics import last_words

TIMEOUT_S = 900.0


class ConversionFailed(RuntimeError):
    """An engine's converter ended without a model."""

    def __init__(self, command: Sequence[str], code: int, diagnostics: str) -> None:
        super().__init__(f"{Path(command[0]).name} ended with status {code}: {last_words(diagnostics)}")


def convert(command: Sequence[str], expected: Path) -> Path:
    """Run the command, which is to make the file or folder `expected`; raises ConversionFailed."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as late:
        raise ConversionFailed(command, -1, f"it ran past {late.timeout:.0f} s") from late
    if done.returncode != 0 or not expected.exists():
        raise ConversionFailed(command, done.returncode, done.stdout)
    return expected
