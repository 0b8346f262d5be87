"""What there is in a database, and forgetting what is of no use any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from compiler.autotune.database.canonical import digest_of
from compiler.autotune.database.database import Database
from compiler.autotune.record import Record, Status, TimeSource
from compiler.autotune.validity import Validity

Wanted: TypeAlias = Callable[[Record], bool]


@dataclass(frozen=True)
class TaskSummary:
    """What is known of a task on one kind of machine. ``stale`` records are those that hold no more; ``best`` is what a
    build would use, ``default`` the best record of the choice that an untuned build makes."""

    task: str
    text: str
    fingerprint: str
    measured: int
    predicted: int
    failed: int
    stale: int
    best: Record | None
    default: Record | None


def summaries(database: Database, validity: Validity, fingerprint: str | None = None) -> list[TaskSummary]:
    """One row per task and kind of machine, or of one kind only."""
    texts = database.tasks()
    grouped: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in database.records(fingerprint=fingerprint):
        grouped[record.task, record.fingerprint].append(record)
    return [
        _summary(texts[task], records, database.best(task, machine, validity), validity)
        for (task, machine), records in sorted(grouped.items())
    ]


def _summary(text: str, records: list[Record], best: Record | None, validity: Validity) -> TaskSummary:
    held = [record for record in records if validity.holds(record)]
    good = [record for record in held if record.status is Status.OK]
    measured = sum(record.source is TimeSource.MEASURED for record in good)
    return TaskSummary(
        task=records[0].task,
        text=text,
        fingerprint=records[0].fingerprint,
        measured=measured,
        predicted=len(good) - measured,
        failed=len(held) - len(good),
        stale=len(records) - len(held),
        best=best,
        default=min((record for record in good if record.is_default), key=_rank, default=None),
    )


def prune(
    database: Database, validity: Validity | None = None, keep: int | None = None, fingerprint: str | None = None
) -> int:
    """Forget records that are not ``worth_keeping``, of all kinds of machines or of one; returns how many."""
    wanted = worth_keeping(database, validity, keep)
    return database.remove(lambda record: fingerprint in (None, record.fingerprint) and not wanted(record))


def worth_keeping(database: Database, validity: Validity | None = None, keep: int | None = None) -> Wanted:
    """Tells which records are of use.

    Args:
        database: whose records; they must not change in between.
        validity: those that do not hold under it are not; None: they may be.
        keep: of each task and kind of machine, good records are not but for the best ``keep`` and those of the default;
            None: they all may be. Failures are, so that nobody tries again.
    """
    kept = None if keep is None else set(_best_digests(database, keep, validity))

    def wanted(record: Record) -> bool:
        if validity is not None and not validity.holds(record):
            return False
        if kept is None or record.is_default or record.status is not Status.OK:
            return True
        return digest_of(record) in kept

    return wanted


def _best_digests(database: Database, keep: int, validity: Validity | None) -> Iterator[str]:
    grouped: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in database.records():
        if record.status is Status.OK and (validity is None or validity.holds(record)):
            grouped[record.task, record.fingerprint].append(record)
    for records in grouped.values():
        yield from map(digest_of, sorted(records, key=_rank)[:keep])


def _rank(record: Record) -> tuple[str, float, str]:
    """The order of ``Database.best``."""
    assert record.seconds is not None
    return record.source.value, record.seconds, digest_of(record)
