"""What a person sees of a tuning session: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from compiler.autotune.events import DeviceBack, DeviceLost, Event, TaskKnown, TasksAdopted, TrialDone
from compiler.autotune.record import Status
from compiler.autotune.tuning_task import TuningTask
from compiler.ir import Task
from compiler.model_tuner.forecast import Forecast, ModelsSurveyed, forecasts, mean_gain
from compiler.model_tuner.promise import Promise, promises

ROWS = 20
"""Tasks in the live table, the heaviest."""


@dataclass
class Row:
    """A task as it stands."""

    task: TuningTask
    default: float | None = None
    best: float | None = None
    choice: str = ""
    trials: int = 0
    failed: int = 0

    @property
    def seconds(self) -> float:
        """What the task takes with its best kernel, as far as known."""
        return self.best or self.task.rival

    @property
    def of_peak(self) -> float | None:
        """The part of the peak that the best kernel reaches."""
        return self.task.bound / self.best if self.best and self.task.bound else None


class Board:
    """The state of a session, from its events. Shows nothing."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.surveyed = ModelsSurveyed((), ())
        self.notice = ""

    def hear(self, event: Event | ModelsSurveyed) -> None:
        """Take an event."""
        match event:
            case ModelsSurveyed():
                self.surveyed = event
            case TasksAdopted(tasks):
                for task in tasks:
                    self.rows.setdefault(task.task.hash, Row(task)).task = task
            case TaskKnown():
                row = self.rows.setdefault(event.task.task.hash, Row(event.task))
                row.default, row.best, row.trials = event.default, event.best, event.trials
            case TrialDone():
                self._trial(event)
            case DeviceLost(reason, seconds):
                self.notice = f"the device does not answer, asking again in {seconds:.0f} s: {reason}"
            case DeviceBack():
                self.notice = ""

    def _trial(self, event: TrialDone) -> None:
        row = self.rows[event.record.task]
        row.trials = event.trials
        row.failed += event.record.status is not Status.OK
        if event.record.is_default:
            row.default = event.record.seconds
        if event.improved:
            row.best, row.choice = event.record.seconds, str(event.record.choice)

    @property
    def chosen(self) -> list[Row]:
        """The tasks of builds, the heaviest first."""
        rows = [row for row in self.rows.values() if row.task.chosen]
        return sorted(rows, key=lambda row: -row.task.weight * row.seconds)

    @property
    def trials(self) -> int:
        """Candidates with a result."""
        return sum(row.trials for row in self.rows.values())

    def forecasts(self) -> list[Forecast]:
        """What each model is expected to take."""
        return forecasts(self.surveyed, self._known("default"), self._known("best"))

    def promises(self, recorded: Collection[str]) -> list[Promise]:
        """What the records of this session promise, which are of these tasks (hashes). Where it found no better kernel,
        or the default does not work, they promise nothing."""

        def default(task: Task) -> float | None:
            row = self.rows.get(task.hash)
            return row and (row.default or row.best)

        def best(task: Task) -> float | None:
            row = self.rows.get(task.hash)
            return row.best if row and row.choice else default(task)

        return promises(self.surveyed, default, best, recorded)

    def _known(self, what: str) -> Callable[[Task], float | None]:
        return lambda task: getattr(self.rows.get(task.hash), what, None)


def share_of(row: Row, rows: Sequence[Row]) -> float:
    """The part of all models' expected time that a task takes."""
    total = sum(other.task.weight * other.seconds for other in rows)
    return row.task.weight * row.seconds / total if total else 0.0


def expectation(found: Sequence[Forecast], predicted: bool) -> str:
    """One line on what models are expected to take."""
    if not found:
        return "reading models"
    word = "predicted" if predicted else "expected"
    if len(found) == 1:
        (one,) = found
        return f"{word} for a run: {ms(one.before)} untuned, {ms(one.after)} tuned ({one.gain:.2f}x)"
    return f"{word} gain over {len(found)} models: {mean_gain(found):.2f}x in the geometric mean"


def ms(seconds: float) -> str:
    """Milliseconds."""
    return f"{1e3 * seconds:.3f} ms"


def us(seconds: float | None) -> str:
    """Microseconds, of less than ten with a digit more; a dash where nothing is known."""
    return "-" if seconds is None else f"{1e6 * seconds:.{2 if seconds < 1e-5 else 1}f}"


class View:
    """Shows a board while a session runs. A context manager; a listener."""

    def __init__(self, console: Console, predicted: bool) -> None:
        self.board = Board()
        self._console = console
        self._predicted = predicted
        self._began = time.monotonic()
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._table, transient=True)

    def __enter__(self) -> View:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def __call__(self, event: Event | ModelsSurveyed) -> None:
        self.board.hear(event)
        if not self._console.is_terminal and (line := self._line(event)):
            self._console.print(Text(f"{time.monotonic() - self._began:7.1f} s  {line}"), soft_wrap=True)

    def _line(self, event: Event | ModelsSurveyed) -> str:
        """What is printed of an event where no table is shown."""
        match event:
            case ModelsSurveyed(now):
                return f"{len({task for survey in now for task in survey.calls})} tasks of {len(now)} models"
            case TrialDone(improved=True):
                row = self.board.rows[event.record.task]
                of_peak = f", {100 * row.of_peak:.0f}% of peak" if row.of_peak else ""
                return f"{row.task.name}: {us(row.best)} us{of_peak} after {row.trials} trials by {row.choice}"
            case DeviceLost():
                return self.board.notice
            case DeviceBack():
                return "the device answers again"
            case _:
                return ""

    def _table(self) -> Group:
        lines = [Text(self._status())]
        if self.board.notice:
            lines.append(Text(self.board.notice, style="yellow"))
        return Group(summary_table(self.board.chosen, ROWS), *lines)

    def _status(self) -> str:
        elapsed = time.monotonic() - self._began
        return f"{elapsed:.0f} s, {self.board.trials} trials; {expectation(self.board.forecasts(), self._predicted)}"


def summary_table(rows: Sequence[Row], limit: int | None = None) -> Table:
    """The tasks of builds with what was found for each."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("task", max_width=40)
    for heading in ("weight", "default us", "best us", "of peak", "trials"):
        table.add_column(heading, justify="right", no_wrap=True)  # where room is short, names are shortened
    for row in rows[:limit]:
        of_peak = f"{100 * row.of_peak:.0f}%" if row.of_peak else "-"
        weight = f"{100 * share_of(row, rows):.1f}%"
        name = Text(row.task.name, no_wrap=True, overflow="ellipsis")
        table.add_row(name, weight, us(row.default), us(row.best), of_peak, str(row.trials))
    return table
