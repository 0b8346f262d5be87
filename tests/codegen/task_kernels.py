"""Kernels of tasks for tests: built as the compiler builds them, those of one call loaded as one shared library."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from tvm.tirx import PrimFunc
from tvm_ffi import StructuralKey

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.kernels import Emitted, emit_kernel
from compiler.codegen.plan.packing import pack, unpack
from compiler.codegen.schedules import Config, Template
from compiler.codegen.space import Choice
from compiler.codegen.tir import build_object
from compiler.ir import Graph, Task, print_graph
from compiler.ir.literal import Array
from compiler.targets import Target, resolve
from compiler.targets.llvm import llvm_target_dict
from tests.codegen.loading import load_objects

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
    """Kernels of regions with their configs (None: the default), for a target that this machine can run.

    Configs that make the same code share a function.
    """
    emitted: list[tuple[Graph, Emitted]] = []
    for graph, choice in wanted:
        task = Task(print_graph(graph))
        emitted.append((graph, emit_kernel(task, target, choice, f"k_{task.hash}")))
    keys = [StructuralKey(each.kernel.func) for _, each in emitted]
    distinct = {key: each.kernel.func for key, (_, each) in zip(keys, emitted, strict=True)}
    # A task gives its name to the kernels of all configs, but a library has a name once.
    symbols = {key: f"kernel{number}" for number, key in enumerate(distinct)}
    llvm = llvm_target_dict(target)
    library = load_objects([build_object([_named(func, symbols[key])], llvm) for key, func in distinct.items()])
    return [
        LoadedKernel(graph, each.info, getattr(library, symbols[key]))
        for (graph, each), key in zip(emitted, keys, strict=True)
    ]


def _named(func: PrimFunc, symbol: str) -> PrimFunc:
    return cast(PrimFunc, func.with_attr("global_symbol", symbol))


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
    seen: dict[StructuralKey, Config] = {}
    for other in (config, *space.neighbours(config)):
        twin = seen.setdefault(StructuralKey(template.emit(graph, other, target, "k").func), other)
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
