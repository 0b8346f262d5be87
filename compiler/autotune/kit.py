"""``Kit``: the parts that a tuning session is put together from, and what it asks of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from compiler.autotune.measure.interface import Builder, Device
from compiler.autotune.record import Record, TimeSource
from compiler.autotune.search.interface import Features
from compiler.autotune.search.model import Model, Sample
from compiler.autotune.search.table import Factory
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import TemplateSpace
from compiler.ir import Task
from compiler.targets import Target

Spaces: TypeAlias = Mapping[str, TemplateSpace]
"""The spaces of all templates that compute a task, by template; the first is what an untuned build takes."""

SpacesOf: TypeAlias = Callable[[Sequence[Task]], Mapping[Task, Spaces]]
"""Asks for many tasks at once, since worker processes answer. A task that no template computes may be missing."""


ModelOf: TypeAlias = Callable[[Sequence[Sample], int], Model]
"""Makes a model that may learn from samples of other tasks, with a seed."""


class Records(Protocol):
    """A database, as far as a session needs one."""

    def records(self, task_hash: str, fingerprint: str) -> Iterable[Record]:
        """Everything that is known of a task on machines of a kind, stale records included."""
        ...

    def add(self, task: Task, records: Sequence[Record], features: Sequence[Features] = ()) -> object:
        """Keep records of a task, and the features of their kernels; when it returns they are safe."""
        ...

    def lowered(self, limit: int, before: float) -> Iterable[tuple[Record, Features]]:
        """The last measured records of any task and machine whose features are known, from before a time, the oldest
        first."""
        ...


@dataclass(frozen=True)
class Kit:
    """What a session works with.

    Args:
        target: what is tuned for.
        toolchain: of the code generator; records of another are stale.
        spaces: asks which templates compute tasks.
        builder: makes candidates; it is called from one thread beside the session's own.
        device: runs them; None where there is none.
        timed: whether times on the device mean something, as under an emulator they do not. Where nothing is timed, all
            that can be known is what the static model predicts.
        records: where results are kept.
        search: the search's name, for the record.
        make_search: makes a search of one task.
        make_model: makes the model that a search may ask.
        machine: what to call this machine in records.
    """

    target: Target
    toolchain: str
    spaces: SpacesOf
    builder: Builder
    device: Device | None
    records: Records
    search: str
    make_search: Factory
    make_model: ModelOf
    machine: str = ""
    timed: bool = True

    @property
    def source(self) -> TimeSource:
        """Where the times of this session come from."""
        return TimeSource.MEASURED if self.device is not None and self.timed else TimeSource.PREDICTED

    def known(self, task: Task, spaces: Spaces) -> dict[Choice, Record]:
        """The records of a task that still hold and answer what this session would find out, by choice."""
        found: dict[Choice, Record] = {}
        for record in self.records.records(task.hash, self.target.fingerprint()):
            template = spaces.get(record.choice.template)
            holds = template is not None and (record.version, record.toolchain) == (template.version, self.toolchain)
            if holds and record.source is self.source:
                found[record.choice] = record
        return found
