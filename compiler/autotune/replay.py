"""Replays a session from a database's log: the same seed and the same answers give the same proposals.

For a researcher who asks why a candidate was tried, and for the tests that hold searches to being reproducible.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.autotune.kit import Kit
from compiler.autotune.record import Record
from compiler.autotune.related import related_samples
from compiler.autotune.search.interface import Features
from compiler.autotune.search.model import Kernel, Sample
from compiler.autotune.session import DEFAULT
from compiler.autotune.task_state import TaskState, observations
from compiler.autotune.tuning_task import TuningTask
from compiler.codegen.space import Choice
from compiler.ir import Task


@dataclass(frozen=True)
class Step:
    """One batch of a session: what the search proposes when it is asked again, and what it proposed then. Of a batch
    that was interrupted the log has the first candidates only."""

    task: str
    proposed: tuple[Choice, ...]
    logged: tuple[Choice, ...]

    @property
    def agrees(self) -> bool:
        """Whether the log is what the search proposes."""
        return self.proposed[: len(self.logged)] == self.logged


@dataclass(frozen=True)
class _Before:
    """A database as it was when a session began."""

    log: Sequence[Record]

    def records(self, task_hash: str, fingerprint: str) -> list[Record]:
        return [record for record in self.log if (record.task, record.fingerprint) == (task_hash, fingerprint)]

    def add(self, task: Task, records: Sequence[Record], features: Sequence[Features] = ()) -> None:
        raise NotImplementedError("a replay finds out nothing new")

    def lowered(self, limit: int, before: float) -> list[tuple[Record, Features]]:
        raise NotImplementedError("a replay has samples already")


def replay(log: Sequence[Record], session: str, tasks: Mapping[str, TuningTask], kit: Kit) -> Iterator[Step]:
    """Every batch that a session's searches proposed, in order.

    Args:
        log: all records of a database, of the tasks at least.
        session: its name, from the provenance of its records.
        tasks: the tasks by hash; nothing but what is computed matters.
        kit: as in the session; its builder is asked for features, its device for nothing, its records for what was
            known of related kernels before the session.
    """
    own = [record for record in log if record.provenance.get("session") == session]
    own.sort(key=lambda record: int(record.provenance["sequence"]))
    began = min((float(record.provenance["began"]) for record in own), default=0.0)
    samples = related_samples(kit.records, kit.target.fingerprint(), began)
    earlier = [record for record in log if record.provenance.get("session") != session and _time(record) < began]
    kit = replace(kit, records=_Before(earlier))
    spaces = kit.spaces([tuning.task for tuning in tasks.values()])
    states = {name: TaskState(tuning, spaces[tuning.task], kit) for name, tuning in tasks.items()}
    for _, group in itertools.groupby(own, key=lambda record: record.provenance["batch"]):
        records = list(group)
        state, facts = states[records[0].task], records[0].provenance
        logged = tuple(record.choice for record in records)
        if facts["search"] != DEFAULT:
            search = state.search or state.start_search(int(facts["seed"]), samples[: int(facts["related"])])
            yield Step(records[0].task, tuple(search.ask(int(facts["asked"]))), logged)
        features = {c: f for c, f in zip(logged, state.features(logged), strict=True) if f}
        told = observations(records, features)
        if state.search is not None:
            state.search.tell(told)
        samples += [Sample(records[0].task, Kernel(o.choice, o.features), o.seconds) for o in told if o.features]
        for record in records:
            state.add(record)


def _time(record: Record) -> float:
    return float(record.provenance.get("unix_time", 0))
