"""Kiln's half: a session of its tuner on one task, and the best kernel as a library that TVM's timer can call."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tvm_ffi import libinfo

from bench.metaschedule.records import Effort, NothingFoundError, Trial
from compiler.autotune.cost_model import CostModel
from compiler.autotune.database import Database
from compiler.autotune.events import Event, TrialDone
from compiler.autotune.kit import Kit, Spaces
from compiler.autotune.measure.builder import EMITTER, WorkerBuilder
from compiler.autotune.measure.device import KernelDevice
from compiler.autotune.measure.interface import Built
from compiler.autotune.measure.transport import transport_for
from compiler.autotune.search.table import SEARCHES
from compiler.autotune.session import Effort as SessionEffort
from compiler.autotune.session import Session
from compiler.autotune.tuning_task import TuningTask
from compiler.autotune.validity import toolchain_id
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.objects import warm_up
from compiler.codegen.objects.pool import available_cpus
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import task_spaces
from compiler.codegen.toolchain import find_compiler
from compiler.ir import Task
from compiler.model_tuner.run import GUIDED
from compiler.targets import Target

ROUND = 32
"""Trials between two looks at the clock, which the session also looks at itself."""


@dataclass(frozen=True)
class KilnHalf:
    """What the session came to."""

    effort: Effort
    choice: Choice
    library: Path


def tune_kiln(name: str, task: Task, target: Target, seconds: float, seed: int, folder: Path) -> KilnHalf:
    """Tune one task for so many seconds, which begin before the first worker process exists; ``folder`` is empty.

    Raises NothingFoundError, and what a session raises.
    """
    begin = time.monotonic()
    trials: list[Trial] = []

    def hear(event: Event) -> None:
        if isinstance(event, TrialDone):
            trials.append(Trial(time.monotonic() - begin, event.record.seconds))

    workers = max(1, available_cpus() - 1)  # a core for what is measured
    warm_up(EMITTER, workers)
    cache = folder / "cache"
    builder = WorkerBuilder(target, cache / "kernels", workers)
    with Database.open(folder / "tuning.db") as database:
        kit = Kit(
            target,
            toolchain_id(),
            partial(_spaces, target, cache / "kernels", workers),
            builder,
            KernelDevice(target, transport_for(""), cache / "tuner"),
            database,
            GUIDED,
            SEARCHES[GUIDED],
            CostModel,
            platform.node(),
        )
        left = seconds - (time.monotonic() - begin)
        session = Session(kit, SessionEffort(seconds=left), seed=seed, listener=hear)
        session.adopt([TuningTask(task, name, 1.0)])
        while not (session.over or session.exhausted):
            session.search(ROUND)
        effort = Effort(seconds, time.monotonic() - begin, tuple(trials))
        best = session.states[task.hash].best
    if best is None:
        raise NothingFoundError(f"{name}: Kiln tried {len(trials)} kernels, of which none works")
    (built,) = builder.build(task, [best.choice])
    arrays = len(task.graph().inputs) + len(task.graph().outputs)
    return KilnHalf(effort, best.choice, packed_library(built, arrays, target, folder))


def _spaces(target: Target, cache: Path, workers: int, tasks: Sequence[Task]) -> dict[Task, Spaces]:
    return dict(task_spaces(tasks, target, cache, workers=workers))


def packed_library(built: Built, arrays: int, target: Target, folder: Path) -> Path:
    """A library with the function ``kernel`` in TVM's calling convention, which calls the built kernel with the memory
    of ``arrays`` tensors. Raises ToolchainError."""
    info = KernelInfo.from_json(built.info)
    compiler = find_compiler(target)
    kernel, adapter = folder / "kernel.o", folder / "adapter.o"
    kernel.write_bytes(built.code)
    includes = [Path(libinfo.find_include_path()), Path(libinfo.find_dlpack_include_path())]
    compiler.compile_text(_adapter(info, arrays), adapter, name="adapter.c", include_dirs=includes)
    return compiler.link_shared([kernel, adapter], folder / "kernel.so", exports=["__tvm_ffi_kernel"]).path


def _adapter(info: KernelInfo, arrays: int) -> str:
    """The calling convention: ``tvm/ffi/c_api.h``, TVMFFISafeCallType."""
    scratch = info.scratch_bytes > 0
    types = ", ".join(["void *"] * (arrays + scratch) + ["int32_t", "int32_t"])
    memory = [f"data(args + {i})" for i in range(arrays)] + ["scratch"] * scratch
    return f"""#include <stdint.h>
#include <tvm/ffi/c_api.h>

extern void {info.symbol}({types});
static _Alignas(64) char scratch[{max(info.scratch_bytes, 1)}];

static void *data(const TVMFFIAny *arg) {{
    DLTensor *tensor = arg->type_index == kTVMFFITensor
                           ? (DLTensor *)((char *)arg->v_obj + sizeof(TVMFFIObject))
                           : (DLTensor *)arg->v_ptr;
    return (char *)tensor->data + tensor->byte_offset;
}}

int __tvm_ffi_kernel(void *self, const TVMFFIAny *args, int32_t count, TVMFFIAny *result) {{
    (void)self, (void)result, (void)scratch;
    if (count != {arrays}) return -1;
    {info.symbol}({", ".join(memory)}, 0, {info.extent});
    return 0;
}}
"""
