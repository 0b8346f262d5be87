"""Runs an artifact in a process of its own, natively or under an emulator, so that a crash is an answer.

Knows raw bytes, commands and exit codes; not what right numbers are.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler.artifact import compile_cached
from compiler.codegen.toolchain import CCompiler
from compiler.ir.literal import Array
from runtime.manifest import Manifest
from runtime.sources import COMPILE_FLAGS

SOURCE = Path(__file__).parent / "runner.c"
TIMEOUT_S = 600.0


class RunError(Exception):
    """The compiled model crashed, hung or reported an error; the message says which."""


@dataclass(frozen=True)
class KernelTime:
    """The fastest of several runs of one call."""

    name: str
    seconds: float
    threads: int


@dataclass(frozen=True)
class Runner:
    """A program that runs artifacts: ``prefix`` is what stands before it, such as an emulator."""

    program: Path
    prefix: tuple[str, ...] = ()

    def run(
        self, directory: Path, manifest: Manifest, inputs: Mapping[str, Array], threads: int = 1
    ) -> dict[str, Array]:
        """The outputs of the artifact in ``directory``; of a dynamic batch, for all rows given. Raises RunError."""
        return self._execute(directory, manifest, inputs, (str(threads),))[0]

    def profile(
        self, directory: Path, manifest: Manifest, inputs: Mapping[str, Array], runs: int, threads: int = 1
    ) -> list[KernelTime]:
        """The time of each call, in order. Raises RunError."""
        _, text = self._execute(directory, manifest, inputs, (str(threads), str(runs)))
        rows = [line.split(" ", 2) for line in text.splitlines()]
        return [KernelTime(name, int(ns) * 1e-9, int(count)) for ns, count, name in rows]

    def _execute(
        self, directory: Path, manifest: Manifest, inputs: Mapping[str, Array], arguments: Sequence[str]
    ) -> tuple[dict[str, Array], str]:
        with tempfile.TemporaryDirectory(prefix="kiln-run-") as folder:
            given, made = Path(folder, "inputs"), Path(folder, "outputs")
            with given.open("wb") as file:
                for name in manifest.inputs:
                    file.write(np.ascontiguousarray(inputs[name]).tobytes())
            rows = len(inputs[next(iter(manifest.inputs))]) if manifest.is_dynamic else 1
            command = [*self.prefix, str(self.program), str(directory), str(given), str(made), str(rows), *arguments]
            text = _run(command)
            return _split(made.read_bytes(), manifest, rows), text


def build_runner(compiler: CCompiler, cache: Path, prefix: Sequence[str] = ()) -> Runner:
    """The runner for the compiler's target, from ``cache`` if it is there. Raises ToolchainError, OSError."""
    code = compile_cached(compiler, SOURCE.read_text(encoding="utf-8"), SOURCE.name, COMPILE_FLAGS, cache)
    program = code.with_suffix("")
    if program.exists():
        program.touch()
    else:
        compiler.link_program([code], program)
    return Runner(program, tuple(prefix))


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise RunError(f"the compiled model did not finish in {TIMEOUT_S:g} s") from None
    if done.returncode < 0:
        raise RunError(f"the compiled model crashed with {signal.Signals(-done.returncode).name}")
    if done.returncode:
        raise RunError(f"the compiled model failed: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def _split(data: bytes, manifest: Manifest, rows: int) -> dict[str, Array]:
    outputs: dict[str, Array] = {}
    offset = 0
    for name, spec in manifest.outputs.items():
        size = spec.nbytes(rows)
        outputs[name] = np.frombuffer(data[offset : offset + size], spec.storage).reshape(spec.shape_of(rows))
        offset += size
    return outputs
