"""A tuner's world without machines: spaces whose times are a formula, builders and devices that fail on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from compiler.autotune.events import Event
from compiler.autotune.kit import Kit, Records, Spaces
from compiler.autotune.measure.interface import Built, DeviceLostError, Incumbent, Measured
from compiler.autotune.record import Record, Status, TimeSource
from compiler.autotune.search.interface import Features
from compiler.autotune.search.model import Estimate, Kernel, Sample
from compiler.autotune.search.table import SEARCHES
from compiler.autotune.tuning_task import TuningTask
from compiler.codegen.space import Choice, Knob, Space
from compiler.codegen.task_spaces import TemplateSpace
from compiler.ir import Task
from compiler.targets import resolve

TARGET = resolve("znver4")
SPACE = Space((Knob("a", tuple(range(8)), 7), Knob("b", tuple(range(8)), 7)))
GENERIC = Space((Knob("c", (1, 2, 3), 3),))
SPACES: Spaces = {"tiled": TemplateSpace(1, SPACE), "generic": TemplateSpace(2, GENERIC)}


def tuning_task(number: int, weight: float = 1.0) -> TuningTask:
    """A task that differs from those of other numbers."""
    return TuningTask(Task(f"task {number}"), f"op {number}", weight, bound=1e-6, rival=1e-3)


def seconds_of(choice: Choice) -> float:
    """What a choice takes: least for ``tiled a=2 b=3``."""
    config = choice.config
    if choice.template == "generic":
        return 1e-3 * config["c"]
    return 1e-4 * (1 + (config["a"] - 2) ** 2 + (config["b"] - 3) ** 2)


@dataclass
class FakeBuilder:
    """``fault`` says how building a choice fails, None that it does not."""

    fault: Callable[[Choice], Status | None] = lambda choice: None
    built: list[Choice] = field(default_factory=list)

    def build(self, task: Task, choices: Sequence[Choice]) -> list[Built]:
        self.built += choices
        return [self._one(choice) for choice in choices]

    def _one(self, choice: Choice) -> Built:
        version = SPACES[choice.template].version
        if status := self.fault(choice):
            return Built(choice, version, status, "it does not build")
        features = {f"knob {name}": float(value) for name, value in choice.knobs}
        return Built(choice, version, Status.OK, "", b"code", "{}", features, 1.1 * seconds_of(choice))


@dataclass
class FakeDevice:
    """``fault`` says how running a choice fails; ``lost`` how many calls find the device away."""

    fault: Callable[[Choice], Status | None] = lambda choice: None
    lost: int = 0
    measured: list[Choice] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    tried: dict[tuple[str, Choice], None] = field(default_factory=dict)
    """Each candidate of each task once, in order."""

    def measure(self, task: Task, candidates: Sequence[Built], incumbent: Incumbent | None) -> list[Measured]:
        self.before()
        if self.lost:
            self.lost -= 1
            raise DeviceLostError("no route to host")
        self.measured += [built.choice for built in candidates]
        self.tried |= dict.fromkeys((task.hash, built.choice) for built in candidates)
        return [self._one(built.choice, incumbent) for built in candidates]

    def _one(self, choice: Choice, incumbent: Incumbent | None) -> Measured:
        if status := self.fault(choice):
            return Measured(choice, status, detail="it fails")
        times = () if incumbent is None else (seconds_of(incumbent.built.choice),)
        assert incumbent is None or incumbent.seconds == seconds_of(incumbent.built.choice)
        return Measured(choice, Status.OK, seconds_of(choice), (seconds_of(choice),), times)


@dataclass
class FakeRecords:
    """A database in memory."""

    rows: list[Record] = field(default_factory=list)
    features: list[Features] = field(default_factory=list)

    def records(self, task_hash: str, fingerprint: str) -> list[Record]:
        return [row for row in self.rows if (row.task, row.fingerprint) == (task_hash, fingerprint)]

    def add(self, task: Task, records: Sequence[Record], features: Sequence[Features] = ()) -> None:
        self.rows += records
        self.features += features or [{} for _ in records]

    def lowered(self, limit: int, before: float) -> list[tuple[Record, Features]]:
        rows = [(row, found) for row, found in zip(self.rows, self.features, strict=True) if found]
        measured = [(row, found) for row, found in rows if row.source is TimeSource.MEASURED]
        return [(row, found) for row, found in measured if float(row.provenance["unix_time"]) < before][-limit:]


class FileRecords:
    """A database that outlives its process: a line per record, on the disk when ``add`` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[Record]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [_record(json.loads(line)) for line in lines]

    def records(self, task_hash: str, fingerprint: str) -> list[Record]:
        return [row for row in self.all() if (row.task, row.fingerprint) == (task_hash, fingerprint)]

    def lowered(self, limit: int, before: float) -> list[tuple[Record, Features]]:
        return []

    def add(self, task: Task, records: Sequence[Record], features: Sequence[Features] = ()) -> None:
        with self.path.open("a") as file:
            file.write("".join(json.dumps(asdict(record)) + "\n" for record in records))


def _record(row: dict[str, object]) -> Record:
    choice = row.pop("choice")
    assert isinstance(choice, dict)
    knobs = tuple((name, value) for name, value in choice["knobs"])
    status, source = Status(str(row.pop("status"))), TimeSource(str(row.pop("source")))
    return Record(choice=Choice(choice["template"], knobs), status=status, source=source, **row)  # type: ignore[arg-type]


class FakeModel:
    """Believes the static model."""

    def __init__(self, related: Sequence[Sample], seed: int) -> None:
        self.related = related

    def fit(self, samples: Sequence[Sample]) -> FakeModel:
        return self

    def estimate(self, kernels: Sequence[Kernel]) -> list[Estimate]:
        return [Estimate(-seconds_of(kernel.choice), 0.0) for kernel in kernels]


def spaces_of(tasks: Sequence[Task]) -> Mapping[Task, Spaces]:
    return dict.fromkeys(tasks, SPACES)


def kit(
    *,
    builder: FakeBuilder | None = None,
    device: FakeDevice | None = None,
    records: Records | None = None,
    search: str = "random",
    timed: bool = True,
) -> Kit:
    """A kit whose parts are fakes, but for the search."""
    return Kit(
        TARGET,
        "toolchain 1",
        spaces_of,
        builder or FakeBuilder(),
        device,
        records or FakeRecords(),
        search,
        SEARCHES[search],
        FakeModel,
        "a machine",
        timed,
    )


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
