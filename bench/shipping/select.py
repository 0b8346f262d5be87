"""What of a tuning database is worth shipping: for each task the best record, beside that of the default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.autotune.database import Database, TaskSummary, summaries
from compiler.autotune.record import Record, Source
from compiler.autotune.validity import Validity

LEAST_GAIN = {Source.MEASURED: 1.0, Source.PREDICTED: 1.01}
"""Default by best, in seconds: predictions that are closer say nothing, and the default was chosen with care. What was
measured ships whole: it tells which form of a computation is the fastest."""
DIGITS = 4
"""Of seconds."""


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
            if found := list(_worth_shipping(row)):
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


def _worth_shipping(row: TaskSummary) -> Iterator[Record]:
    best, default = row.best, row.default
    if best is None or default is None or best.source is not default.source:
        return  # nothing says that the best one beats the default
    assert best.seconds is not None and default.seconds is not None
    if default.seconds >= LEAST_GAIN[best.source] * best.seconds:
        yield _bare(best)
        if not best.is_default:
            yield _bare(default)


def _bare(record: Record) -> Record:
    """What a build asks of a record: neither single timings nor who found it when."""
    assert record.seconds is not None
    return replace(record, seconds=float(f"{record.seconds:.{DIGITS}g}"), times=(), provenance={})
