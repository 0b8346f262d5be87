"""Kernels for ARM, run under the emulator: many in one program, since starting it costs more than they do."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.kernels import build_kernel
from compiler.codegen.space import Choice
from compiler.ir import Graph, Task, print_graph
from compiler.ir.literal import Array
from compiler.targets import Target
from tests.codegen.blocked_regions import poisoned

ALIGNMENT = 64


@dataclass(frozen=True)
class Job:
    """A region, the logical arrays for its inputs, and how to compute it."""

    graph: Graph
    operands: Sequence[Array]
    choice: Choice | None = None


def run_emulated(jobs: Sequence[Job], target: Target, folder: Path) -> list[list[Array]]:
    """The results, as stored, of every job. Skips the test when the cross compiler or the emulator is missing."""
    compiler, emulator = f"{target.gnu_triple}-gcc", f"qemu-{target.isa}"
    for tool in (compiler, emulator):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    objects: dict[str, Path] = {}
    infos: list[KernelInfo] = []
    for job in jobs:
        code, info = build_kernel(Task(print_graph(job.graph)), target, job.choice)
        objects[info.symbol] = folder / f"{info.symbol}.o"
        objects[info.symbol].write_bytes(code)
        infos.append(info)
    memory = [_Memory.of(job, info) for job, info in zip(jobs, infos, strict=True)]
    (folder / "data").write_bytes(b"".join(part.image for part in memory))
    (folder / "driver.c").write_text(_driver(infos, memory))
    program = folder / "program"
    sources = [folder / "driver.c", *objects.values()]
    subprocess.run([compiler, "-O1", "-static", "-o", program, *sources, "-lm"], check=True)
    command = [emulator, "-cpu", str(target.qemu_cpu), program, folder / "data"]
    subprocess.run(command, check=True, timeout=300)
    data = (folder / "data").read_bytes()
    results: list[list[Array]] = []
    for job, part in zip(jobs, memory, strict=True):
        results.append(part.results(job.graph, data[: len(part.image)]))
        data = data[len(part.image) :]
    return results


@dataclass(frozen=True)
class _Memory:
    """The arrays of one job one after another: their initial bytes, and where each starts."""

    image: bytes
    offsets: tuple[int, ...]

    @staticmethod
    def of(job: Job, info: KernelInfo) -> _Memory:
        image, offsets = bytearray(), list[int]()
        inputs = zip(job.operands, job.graph.inputs, strict=True)
        parts = [poisoned(array, value.type).tobytes() for array, value in inputs]
        parts += [b"\x5a" * output.type.bytes for output in job.graph.outputs]
        for part in (*parts, *([b"\x5a" * info.scratch_bytes] if info.scratch_bytes else [])):
            offsets.append(len(image))
            image += part + b"\x5a" * (-len(part) % ALIGNMENT)
        return _Memory(bytes(image), tuple(offsets))

    def results(self, graph: Graph, image: bytes) -> list[Array]:
        arrays: list[Array] = []
        for offset, output in zip(self.offsets[len(graph.inputs) :], graph.outputs, strict=False):
            type_ = output.type
            stored = np.frombuffer(image, np.uint8, type_.bytes, offset)
            arrays.append(stored.view(type_.dtype.numpy).reshape(type_.physical_shape))
        return arrays


def _driver(infos: Sequence[KernelInfo], memory: Sequence[_Memory]) -> str:
    """A C program that reads a file of all arrays, calls every kernel in two parts, and writes the file back."""
    size = sum(len(part.image) for part in memory)
    declared = dict.fromkeys(
        f"void {info.symbol}({'void *, ' * len(part.offsets)}int32_t, int32_t);"
        for info, part in zip(infos, memory, strict=True)
    )
    return "\n".join(
        [
            "#include <stdint.h>",
            "#include <stdio.h>",
            *declared,
            f"static _Alignas({ALIGNMENT}) char m[{max(size, 1)}];",
            "int main(int argc, char **argv) {",
            '    FILE *file = fopen(argv[argc - 1], "r+b");',
            f"    if (!file || fread(m, 1, {size}, file) != {size}) return 1;",
            *_calls(infos, memory),
            "    rewind(file);",
            f"    return fwrite(m, 1, {size}, file) != {size} || fclose(file);",
            "}\n",
        ]
    )


def _calls(infos: Sequence[KernelInfo], memory: Sequence[_Memory]) -> Iterator[str]:
    base = 0
    for info, part in zip(infos, memory, strict=True):
        arguments = "".join(f"m + {base + offset}, " for offset in part.offsets)
        middle = info.extent // 2
        for begin, end in ((middle, info.extent), (0, middle)):
            yield f"    {info.symbol}({arguments}{begin}, {end});"
        base += len(part.image)
