"""What a database of records has to say, and what is taken out of it: as lines for people, as files for others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compiler.autotune.database import Database, export_records, prune, summaries, worth_keeping
from compiler.autotune.validity import Validity, toolchain_id
from compiler.codegen.extensions import extensions_of
from compiler.codegen.template_versions import template_versions
from compiler.driver import Settings
from compiler.ir import Task
from compiler.model_tuner.description import describe
from compiler.model_tuner.view import us


def validity_of(settings: Settings) -> Validity:
    """What must hold of records if builds with these settings are to use them. Raises what ``compile_kernels`` does."""
    schedules = extensions_of(settings.schedules)
    return Validity(toolchain_id(), template_versions(settings.target, settings.cache / "kernels", schedules=schedules))


def list_tasks(database: Database, settings: Settings) -> Iterator[str]:
    """A line for each task that a database knows for a target, and one on all. Raises DatabaseError."""
    rows = summaries(database, validity_of(settings), settings.target.fingerprint())
    for row in rows:
        counts = f"{row.measured} measured, {row.predicted} predicted, {row.failed} failed, {row.stale} stale"
        yield f"{row.task}  {describe(Task(row.text), settings.ops)}  ({counts})"
    yield _count(len(rows), database, settings)


def list_best(database: Database, settings: Settings) -> Iterator[str]:
    """The same with the kernel that a build would make of each. Raises DatabaseError."""
    rows = summaries(database, validity_of(settings), settings.target.fingerprint())
    for row in rows:
        if row.best is not None and row.best.seconds is not None:
            default = row.default.seconds if row.default else None
            gain = f"{default / row.best.seconds:.2f}x of the default, " if default else ""
            yield f"{row.task}  {us(row.best.seconds):>10} us  {gain}{row.best.source.value}  {row.best.choice}"
    yield _count(len(rows), database, settings)


def _count(tasks: int, database: Database, settings: Settings) -> str:
    return f"{tasks} tasks for {settings.target.name} in {database.path}"


@dataclass(frozen=True)
class Selection:
    """Records of one kind of machine or, with None, of all; of each task so many good ones or all."""

    fingerprint: str | None = None
    keep: int | None = None

    def export(self, database: Database, settings: Settings, path: Path) -> str:
        """Write them; with a number to keep, none that hold no more. Raises DatabaseError."""
        if self.keep is None:
            count = export_records(database, path, self.fingerprint)
        else:
            wanted = worth_keeping(database, validity_of(settings), self.keep)
            count = export_records(database, path, self.fingerprint, wanted)
        return f"{count} records of {database.path} -> {path}"

    def prune(self, database: Database, settings: Settings) -> str:
        """Forget those that hold no more, and beyond the number to keep. Raises DatabaseError."""
        forgotten = prune(database, validity_of(settings), self.keep, self.fingerprint)
        return f"{forgotten} records forgotten, {database.count()} kept in {database.path}"
