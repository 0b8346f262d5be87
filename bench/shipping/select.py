"""What of a tuning database is worth shipping: for each task the best record, beside that of the default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.autotune.database import Database, TaskSummary, summaries
from compiler.autotune.record import Record, Status, TimeSource
from compiler.autotune.validity import Validity

LEAST_GAIN = {TimeSource.MEASURED: 1.0, TimeSource.PREDICTED: 1.005}
"""Default by best, in seconds: predictions that are closer say nothing, and the default was chosen with care. What was
measured ships whole: it tells which form of a computation is the fastest."""
ALIKE = 1.001
"""A predicted time at most this many times the best one counts as no worse."""
DIGITS = 4
"""Significant digits of the seconds that ship."""


@dataclass(frozen=True)
class Selection:
    """Records that may ship, two at most of each task, and the texts of their tasks by hash."""

    texts: Mapping[str, str]
    records: tuple[Record, ...]

    @staticmethod
    def of(database: Database, fingerprint: str, validity: Validity) -> Selection:
        """The best record of each task on a kind of machine and that of its default, where the best one holds, works,
        and gains enough. Raises DatabaseError."""
        chosen: list[Record] = []
        texts: dict[str, str] = {}
        for row in summaries(database, validity, fingerprint):
            if found := list(_worth_shipping(row, database, validity)):
                texts[row.task] = row.text
                chosen += found
        return Selection(texts, tuple(chosen))

    def without(self, tasks: Iterable[str]) -> Selection:
        """The same without the records of some tasks, by hash."""
        unwanted = set(tasks)
        texts = {key: text for key, text in self.texts.items() if key not in unwanted}
        return Selection(texts, tuple(record for record in self.records if record.task not in unwanted))

    def database(self, name: str) -> Database:
        """The same as a database in memory."""
        database = Database.in_memory(name)
        database.add_all(self.texts, self.records)
        return database


def _worth_shipping(row: TaskSummary, database: Database, validity: Validity) -> Iterator[Record]:
    best, default = row.best, row.default
    if best is None or default is None or best.source is not default.source:
        return  # nothing says that the best one beats the default
    assert best.seconds is not None and default.seconds is not None
    if default.seconds < LEAST_GAIN[best.source] * best.seconds:
        return
    if best.source is TimeSource.PREDICTED:
        best = _most_like(default, _as_good_as(best, database, validity))
    yield _bare(best)
    if not best.is_default:
        yield _bare(default)


def _as_good_as(best: Record, database: Database, validity: Validity) -> list[Record]:
    """The predictions of a task that hold and are as good as the best one."""
    assert best.seconds is not None
    records = [record for record in database.records(best.task, best.fingerprint) if validity.holds(record)]
    refuted = {record.choice for record in records if record.status in (Status.WRONG, Status.CRASHED)}
    limit = ALIKE * best.seconds
    return [
        record
        for record in records
        if record.source is best.source
        and record.seconds is not None
        and record.seconds <= limit
        and record.choice not in refuted
    ]


def _most_like(default: Record, records: Iterable[Record]) -> Record:
    """The record that differs from the default in the fewest knobs: of those that the model cannot see, the analytic
    rule knows more than chance."""

    def rank(record: Record) -> tuple[bool, int, float, tuple[tuple[str, int], ...]]:
        other = record.choice.template != default.choice.template
        differing = len(set(record.choice.knobs) - set(default.choice.knobs))
        return other, differing, record.seconds or 0.0, record.choice.knobs

    return min(records, key=rank)


def _bare(record: Record) -> Record:
    """What a build asks of a record: neither single timings nor who found it when."""
    assert record.seconds is not None
    return replace(record, seconds=float(f"{record.seconds:.{DIGITS}g}"), times=(), provenance={})
