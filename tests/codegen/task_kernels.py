"""Kernels of tasks for tests: built as the compiler builds them, loaded as few shared libraries."""

from __future__ import annotations

import ctypes
import random
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.kernels import build_kernel
from compiler.codegen.plan.packing import pack, unpack
from compiler.codegen.schedules import Config, Template
from compiler.codegen.space import Choice
from compiler.ir import Graph, Task, print_graph
from compiler.ir.literal import Array
from compiler.targets import Target, resolve

HOST = resolve("host")


@dataclass(frozen=True)
class LoadedKernel:
    """A region's kernel, ready to be called: ``function(*pointers, begin, end)``."""

    graph: Graph
    info: KernelInfo
    function: ctypes._NamedFuncPointer  # pyright: ignore[reportPrivateUsage]

    def call(self, arrays: Sequence[Array], begin: int, end: int) -> None:
        """Run iterations [begin, end) on the arrays of operands, results and scratch."""
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        self.function(*pointers, ctypes.c_int32(begin), ctypes.c_int32(end))


def load_kernel(graph: Graph, target: Target = HOST, choice: Choice | None = None) -> LoadedKernel:
    """The kernel of one region."""
    (kernel,) = load_kernels([(graph, choice)], target)
    return kernel


def load_kernels(wanted: Iterable[tuple[Graph, Choice | None]], target: Target = HOST) -> list[LoadedKernel]:
    """Kernels of regions with their configs (None: the default), for a target that this machine can run."""
    built = [(graph, *build_kernel(Task(print_graph(graph)), target, choice)) for graph, choice in wanted]
    # One symbol names all kernels of a task: those of its other configs go into further libraries.
    libraries: list[dict[str, bytes]] = []
    homes: list[int] = []
    for _, code, info in built:
        home = next((i for i, objects in enumerate(libraries) if objects.get(info.symbol, code) == code), None)
        if home is None:
            home = len(libraries)
            libraries.append({})
        libraries[home][info.symbol] = code
        homes.append(home)
    loaded = [_library(objects) for objects in libraries]
    return [
        LoadedKernel(graph, info, getattr(loaded[home], info.symbol))
        for (graph, _, info), home in zip(built, homes, strict=True)
    ]


def sampled_choices(template: Template, graph: Graph, target: Target, count: int, seed: int = 0) -> list[Choice]:
    """The default of a template's space and ``count`` random configurations of it."""
    space, rng = template.space(graph, target), random.Random(seed)
    configs = [space.default, *(space.sample(rng) for _ in range(count))]
    return [Choice.of(template.name, config) for config in configs if config is not None]


def check_that_knobs_matter(template: Template, graph: Graph, target: Target, seed: int = 0) -> None:
    """A random configuration, and each that differs from it in one knob, make code of their own."""
    space = template.space(graph, target)
    config = space.sample(random.Random(seed))
    assert config is not None
    seen: dict[str, Config] = {}
    for other in (config, *space.neighbours(config)):
        twin = seen.setdefault(str(template.emit(graph, other, target, "k").func), other)
        assert twin is other, f"{twin} and {other} make the same code"


def blank_results(kernel: LoadedKernel, fill: int = 0x5A) -> list[Array]:
    """Arrays for the results, and for scratch if the kernel takes it, of bytes that no result should keep."""
    types = [output.type for output in kernel.graph.outputs]
    arrays: list[Array] = [
        np.full(type_.bytes, fill, np.uint8).view(type_.dtype.numpy).reshape(type_.physical_shape) for type_ in types
    ]
    if kernel.info.scratch_bytes:
        arrays.append(np.full(kernel.info.scratch_bytes, fill, np.uint8))
    return arrays


def packed_operands(graph: Graph, operands: Sequence[Array]) -> list[Array]:
    """Logical arrays as they are stored in the layouts of the region's inputs."""
    return [
        np.ascontiguousarray(pack(array, value.type.layout))
        for array, value in zip(operands, graph.inputs, strict=True)
    ]


def run_kernel(kernel: LoadedKernel, operands: Sequence[Array]) -> list[Array]:
    """The logical results for logical operands; computed in two parts, the second one first."""
    results = blank_results(kernel)
    middle = kernel.info.extent // 2
    for begin, end in ((middle, kernel.info.extent), (0, middle)):
        kernel.call([*packed_operands(kernel.graph, operands), *results], begin, end)
    types = [output.type for output in kernel.graph.outputs]
    return [unpack(array, type_.layout, type_.shape) for array, type_ in zip(results, types, strict=False)]


@cache
def _compiler_support() -> str:
    """The static library with what the processor lacks, such as conversions of half floats."""
    found = subprocess.run(["cc", "-print-libgcc-file-name"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="kiln-test-")


_NUMBERS = count()


def _library(objects: dict[str, bytes]) -> ctypes.CDLL:
    """The objects in one shared library. The linker is called directly: its driver takes four times as long."""
    stem = Path(_folder().name) / f"kernels{next(_NUMBERS)}"
    stem.mkdir()
    paths: list[Path] = []
    for symbol, code in objects.items():
        paths.append(stem / f"{symbol}.o")
        paths[-1].write_bytes(code)
    library = stem.with_suffix(".so")
    subprocess.run(["ld", "-shared", "-o", library, *paths, "-lm", _compiler_support()], check=True)
    for path in paths:
        path.unlink()
    stem.rmdir()
    return ctypes.CDLL(str(library))
