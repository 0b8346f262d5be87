"""The clock of a device's cores, measured: with it, a rate becomes a part of the peak."""

from __future__ import annotations

import hashlib
from pathlib import Path

from compiler.autotune.measure.transport import Transport, TransportError
from compiler.codegen.toolchain import CCompiler

SOURCE = Path(__file__).with_name("clock.c")
_LIMIT_SECONDS = 60.0


def measure_hertz(compiler: CCompiler, transport: Transport, cache: Path) -> float:
    """Cycles per second of one busy core. Raises ToolchainError, TransportError, OSError."""
    digest = hashlib.sha256(SOURCE.read_bytes() + compiler.identity.encode()).hexdigest()[:16]
    program = cache / f"clock-{digest}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        code = compiler.compile(SOURCE, cache / f"clock-{digest}.o", flags=("-std=gnu11", "-O2"))
        compiler.link_program([code], program)
    said = transport.run([transport.send(program)], _LIMIT_SECONDS)
    try:
        return float(said.split()[-1])  # behind what a shell may greet with
    except (IndexError, ValueError):
        raise TransportError(f"a program that prints the clock printed {said[-200:]!r}") from None
