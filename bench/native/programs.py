"""Building the C programs, and running one: which library, headers and model each engine's program needs.

The programs open libraries at run time, so that all are linked alike and none is favoured.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.peers.installed import distribution_files
from compiler.codegen.toolchain import CCompiler

SOURCES = Path(__file__).parent / "c"
TIMEOUT_S = 120.0


class NoNativeProgram(RuntimeError):
    """An engine or a model for which there is no program in C."""


@dataclass(frozen=True)
class Native:
    """What an engine's program is built from and given; every function takes what the engine prepared."""

    library: Callable[[Path], Path]
    headers: Callable[[Path], tuple[Path, ...]]
    model: Callable[[Path], Path]


@dataclass(frozen=True)
class FloatModel:
    """A model's one input and one output, both float32, and the input's value."""

    input_name: str
    output_name: str
    value: NDArray[np.float32]


@dataclass(frozen=True)
class FirstResult:
    """What a program reports: seconds since before it was started, and the memory that it alone has."""

    first_result_seconds: float
    load_seconds: float
    private_bytes: int


def installed_file(distribution: str, below: str, name: str) -> Path:
    """The file of an installed package whose name begins so; raises NoNativeProgram."""
    found = [path for path in distribution_files(distribution, below=below) if path.name.startswith(name)]
    if not found:
        raise NoNativeProgram(f"the package {distribution} has no {name} here")
    return found[0]


def _openvino_headers(_: Path) -> tuple[Path, ...]:
    return (installed_file("openvino", "openvino", "openvino.hpp").parents[1],)


NATIVE: Mapping[str, Native] = {
    "kiln": Native(lambda made: made / "model.so", lambda made: (made,), lambda made: made),
    "onnxruntime": Native(
        lambda _: installed_file("onnxruntime", "onnxruntime", "libonnxruntime.so"), lambda _: (), lambda made: made
    ),
    "openvino": Native(
        lambda _: installed_file("openvino", "openvino", "libopenvino_c.so"),
        _openvino_headers,
        lambda made: made / "model.xml",
    ),
}
"""The engines with a program, which is named after them."""


@dataclass(frozen=True)
class Program:
    """A built program with the fixed part of its arguments."""

    command: tuple[str, ...]
    library: Path
    output: Path

    def run(self, processors: set[int], environment: Mapping[str, str]) -> FirstResult:
        """Start it on these processors and wait for its report; raises NoNativeProgram if it fails."""
        pinned = ("taskset", "-c", ",".join(map(str, sorted(processors))))
        program, *rest = self.command
        start = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        done = subprocess.run(
            [*pinned, program, str(start), *rest],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env={**os.environ, **environment, "LD_LIBRARY_PATH": str(self.library.parent)},
        )
        if done.returncode != 0:
            said = done.stderr.strip() or f"it ended with status {done.returncode}"
            raise NoNativeProgram(f"{Path(program).name}: {said}")
        return FirstResult(**json.loads(done.stdout))

    def result(self) -> NDArray[np.float32]:
        """What the last run computed, flat."""
        return np.fromfile(self.output, np.float32)


def build_program(
    engine: str, prepared: Path, model: FloatModel, threads: int, c_compiler: CCompiler, directory: Path
) -> Program:
    """The engine's program around a model that it prepared; raises NoNativeProgram and what `CCompiler` raises."""
    if engine not in NATIVE:
        raise NoNativeProgram(f"there is no program for {engine}; there is for {', '.join(NATIVE)}")
    native = NATIVE[engine]
    library, headers = native.library(prepared), native.headers(prepared)
    object_file = c_compiler.compile(
        SOURCES / f"{engine}.c", directory / f"{engine}.o", include_dirs=(SOURCES, *headers), flags=("-std=gnu11",)
    )
    program = c_compiler.link_program([object_file], directory / f"first_result_{engine}")
    program.chmod(0o755)
    value, output = directory / "input.raw", directory / f"{engine}.raw"
    model.value.tofile(value)
    shape = ",".join(map(str, model.value.shape))
    names = (model.input_name, model.output_name)
    command = (str(program), str(library), str(native.model(prepared)), str(threads), *names, shape)
    return Program((*command, str(value), str(output)), library, output)
