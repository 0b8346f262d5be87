"""Runs one tool with a time limit. Knows nothing of compilers."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.codegen.toolchain.errors import CompileTimeoutError


@dataclass(frozen=True, slots=True)
class Finished:
    """Exit status of a process and what it printed, both streams together."""

    status: int
    output: str


def run(command: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None) -> Finished:
    """Runs ``command`` with an empty standard input.

    ``environment`` is added to the caller's. Messages come untranslated, so that errors can be recognized.

    Raises:
        OSError: it cannot be started.
        CompileTimeoutError: it ran past ``timeout`` seconds; the whole process group is gone by then, because
        a
            compiler driver's children would otherwise live on.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C", **(environment or {})},
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        _kill_group(process)
        raise CompileTimeoutError(
            f"{command[0]} did not finish in {timeout:g} s", command, _text(error.output)
        ) from error
    except BaseException:
        _kill_group(process)
        raise
    return Finished(process.returncode, output)


def _kill_group(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _text(output: object) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else str(output or "")
