"""`python -m bench.static`: what a model of the processor says of every kernel of a network, without the processor.

Compiles the kernels of sums of products to assembly, reads their loops, and prints percent of the peak. Nothing runs.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import onnx

import compiler
from bench.arguments import command_parser
from bench.inputs import with_known_shapes
from bench.kernels.work import contractions
from bench.markdown import table
from bench.models.catalog import UnknownModel, make_model
from bench.models.zoo import DEFAULT_ZOO, MissingZoo
from compiler.codegen.analytic.assembly import read_code
from compiler.codegen.analytic.kernel_time import KernelTime, NoSumsError, kernel_time
from compiler.codegen.kernels import choose_template
from compiler.codegen.plan import graph_tasks
from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.tir import assembly
from compiler.errors import BuildError
from compiler.ir import Task
from compiler.passes import PassManager
from compiler.targets import Target, TargetError, resolve
from compiler.targets.llvm import llvm_target_dict

EXAMPLE = """\
example: python -m bench.static mobilenetv2 resnet50 --target arm_cortex_a72

exit status: 0 done, 1 a model cannot be compiled, 2 wrong usage
"""
LABELS = ("kernel", "template", "config")
HEADER = (*LABELS, "calls", "fma", "cycles", "bound by", "spills", "loop of peak", "kernel of peak", "share")


@dataclass(frozen=True)
class StaticKernel:
    """A task's kernel, how often a network calls it, and what the model says of it."""

    shape: str
    template: str
    config: str
    calls: int
    time: KernelTime


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: done, 1: a model cannot be compiled, 2: wrong usage."""
    parser = command_parser("static", __doc__, EXAMPLE)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="names of the catalog")
    parser.add_argument("--target", default="host", help="whose kernels (python -m compiler.targets lists them)")
    parser.add_argument("--zoo", type=Path, default=DEFAULT_ZOO, metavar="DIR", help="where real models lie")
    options = parser.parse_args(arguments)
    found: list[StaticKernel] = []
    try:
        target = resolve(options.target)
        for name in options.models:
            kernels = static_kernels(make_model(name, options.zoo), target)
            print(f"{name} for {target.name}:\n\n{kernel_table(kernels)}\n")
            found += kernels
    except (UnknownModel, MissingZoo, TargetError) as error:
        print(f"bench.static: {error}", file=sys.stderr)
        return 2
    except BuildError as error:
        print(f"bench.static: {error}", file=sys.stderr)
        return 1
    if len(options.models) > 1:
        print(f"all models: {weighted_of_peak(found):.1%} of the peak")
    return 0


def static_kernels(model: onnx.ModelProto, target: Target) -> list[StaticKernel]:
    """The kernels of a network that multiply and add, in order of their first call."""
    with tempfile.TemporaryDirectory(prefix="kiln-static-") as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(with_known_shapes(model), path)
        graph = PassManager.parse("standard").run(compiler.load(path), target)
    calls = Counter(graph_tasks(graph).values())
    wanted = [task for task in calls if contractions(task.graph())]
    with ProcessPoolExecutor() as pool:
        times = pool.map(partial(_static_kernel, target=target), wanted, (calls[task] for task in wanted))
        return [time for time in times if time is not None]


def _static_kernel(task: Task, calls: int, target: Target) -> StaticKernel | None:
    region = task.graph()
    template = choose_template(region, target, SCHEDULES)
    config = template.space(region, target).default
    text = assembly(template.emit(region, config, target, "kernel").func, llvm_target_dict(target))
    shape = ", ".join(contraction.shape for contraction in contractions(region))
    knobs = " ".join(f"{name}={value}" for name, value in config.items())
    try:
        time = kernel_time(region, template.name, config, read_code(text, target.isa), target)
    except NoSumsError:
        return None
    return StaticKernel(shape, template.name, knobs, calls, time)


def weighted_of_peak(kernels: Sequence[StaticKernel]) -> float:
    """Cycles that all multiply-adds would take at the peak, by the cycles of all kernels."""
    ideal = sum(kernel.calls * kernel.time.cycles * kernel.time.of_peak for kernel in kernels)
    return ideal / sum(kernel.calls * kernel.time.cycles for kernel in kernels)


def kernel_table(kernels: Sequence[StaticKernel]) -> str:
    """A row per kernel, and the whole network's percent of the peak."""
    total = sum(kernel.calls * kernel.time.cycles for kernel in kernels)
    rows = [_row(kernel, total) for kernel in kernels]
    return f"{table(HEADER, rows, labels=len(LABELS))}\n\nweighted: {weighted_of_peak(kernels):.1%} of the peak"


def _row(kernel: StaticKernel, total: float) -> tuple[str, ...]:
    time = kernel.time
    return (
        kernel.shape,
        kernel.template,
        kernel.config,
        str(kernel.calls),
        str(time.loop.multiply_adds),
        f"{time.loop_time.cycles:g}",
        time.loop_time.bound,
        str(time.loop.spills),
        f"{time.loop_time.of_peak:.0%}",
        f"{time.of_peak:.0%}",
        f"{kernel.calls * time.cycles / total:.1%}",
    )


if __name__ == "__main__":
    sys.exit(main())
