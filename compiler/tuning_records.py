"""Which tuning records a build uses, and how: wires databases to passes and to code generation."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from compiler.autotune.database import Database, default_database, record_text, shipped_records
from compiler.autotune.lookup import TunedChoices
from compiler.autotune.record import Record
from compiler.autotune.validity import Validity, toolchain_id
from compiler.codegen.extensions import extensions_of
from compiler.codegen.kernel_jobs import CompiledKernel
from compiler.codegen.template_versions import template_versions
from compiler.ir import Task
from compiler.passes import PassContext, context_for
from compiler.targets import Target

Tuning: TypeAlias = bool | str | os.PathLike[str] | Database
"""The records to use: True for the user's database, or another one by its file or as it is, and behind it the records
that ship with the package; False for none. With ``KILN_TUNING=off`` in the environment True means False."""


@contextmanager
def open_tuning(
    tuning: Tuning, target: Target, cache: Path, schedules: tuple[type[object], ...] = (), workers: int | None = None
) -> Generator[TunedChoices]:
    """The records for a target, open for the length of the block. Raises DatabaseError."""

    def validity() -> Validity:
        extensions = extensions_of(schedules)
        return Validity(toolchain_id(), template_versions(target, cache, schedules=extensions, workers=workers))

    with ExitStack() as opened:
        yield TunedChoices(_databases(tuning, target, opened), target, validity)


def context_of(tuned: TunedChoices) -> PassContext:
    """What passes may know of the target: what ways cost comes from records, as far as there are any."""
    return replace(context_for(tuned.target), costs=tuned.costs)


def _databases(tuning: Tuning, target: Target, opened: ExitStack) -> list[Database]:
    if tuning is False or (tuning is True and os.environ.get("KILN_TUNING") == "off"):
        return []
    shipped = shipped_records(target.fingerprint())
    behind = [] if shipped is None else [shipped]
    if isinstance(tuning, Database):
        return [tuning, *behind]
    path = default_database() if tuning is True else Path(tuning)
    if tuning is True and not path.exists():
        return behind  # nothing was tuned on this machine so far
    return [opened.enter_context(Database.open(path, read_only=True)), *behind]


@dataclass(frozen=True)
class RecordsUsed:
    """Which kernels of a build were made from records, and which records did not fit any more."""

    used: Mapping[Task, Record]
    unfit: Mapping[Task, Record]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical text of all records that kernels were made from; empty if there are none."""
        lines = sorted(record_text(record) for record in self.used.values())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""

    @property
    def warning(self) -> str:
        """One line on the records that did not fit; empty if all did."""
        if not self.unfit:
            return ""
        task, record = next(iter(self.unfit.items()))
        return (
            f"{len(self.unfit)} tuning records are stale, their kernels are untuned: no {record.choice} for task"
            f" {task.hash} (tune again)"
        )


def records_used(
    kernels: Mapping[Task, CompiledKernel], tuned: TunedChoices, schedules: tuple[type[object], ...]
) -> RecordsUsed:
    """Compare kernels with the records that they should be made from. One of a template from outside the tree is what
    the caller asked for."""
    outside = {getattr(schedule, "name", "") for schedule in schedules}
    used: dict[Task, Record] = {}
    unfit: dict[Task, Record] = {}
    for task, kernel in kernels.items():
        record = tuned.best(task)
        if record is None:
            continue
        if kernel.choice == record.choice:
            used[task] = record
        elif kernel.choice.template not in outside:
            unfit[task] = record
    return RecordsUsed(used, unfit)
