"""``Session``: tunes tasks. The scheduler names a task, its search proposes, candidates are built and run, and every
result is in the database before anything else happens.

Proposing and building go on in a thread of their own, a batch ahead of measuring; a task has one batch under way at
most, so that its search hears all answers before it proposes again, and the same seed and answers give the same
proposals (``compiler.autotune.replay``). Prints nothing: a listener is told.
"""

from __future__ import annotations

import math
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from compiler.autotune.events import DeviceBack, DeviceLost, Listener, TaskKnown, TasksAdopted, TrialDone
from compiler.autotune.kit import Kit
from compiler.autotune.measure.interface import Built, DeviceLostError, Incumbent, Measured
from compiler.autotune.record import Fact, Record, Status, TimeSource
from compiler.autotune.related import related_samples
from compiler.autotune.scheduler import next_task
from compiler.autotune.search.interface import Features
from compiler.autotune.search.model import Kernel, Sample
from compiler.autotune.task_state import TaskState, observations
from compiler.autotune.tuning_task import TuningTask
from compiler.codegen.space import Choice
from compiler.ir import Task

DEFAULT = "default"
"""Stands for a search in the records of templates' defaults."""
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Effort:
    """When a session ends, and how it works.

    Args:
        trials: candidates to try, beside defaults; None: no bound.
        seconds: how long to go on; None: no bound.
        batch: candidates that a search proposes at once.
        part: of these, candidates that are built at once: as many as there are processes that build.
        waits: seconds between questions to a device that is lost; the last one again and again.
    """

    trials: int | None = None
    seconds: float | None = None
    batch: int = 8
    part: int = 4
    waits: tuple[float, ...] = (5.0, 10.0, 30.0, 60.0)


@dataclass(eq=False)
class _Batch:
    """Candidates of one task under way. ``made`` receives lists of ``Built`` from the thread that builds, then None; or
    the error that ended it."""

    number: int
    state: TaskState
    search: str
    asked: int
    proposed: Sequence[Choice] = ()
    incumbent: Incumbent | None = None
    made: queue.SimpleQueue[list[Built] | BaseException | None] = field(
        default_factory=queue.SimpleQueue["list[Built] | BaseException | None"]
    )


class Session:
    """One run of the tuner. ``stop`` may be called from another thread or a signal handler."""

    def __init__(
        self,
        kit: Kit,
        effort: Effort,
        *,
        seed: int = 0,
        listener: Listener = lambda event: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kit = kit
        self.seed = seed
        self.name = uuid.uuid4().hex[:12]
        self.began = round(time.time(), 6)
        self.states: dict[str, TaskState] = {}
        self.effort = effort
        self._tell = listener
        self._clock = clock
        self._end = None if effort.seconds is None else clock() + effort.seconds
        self._stopped = threading.Event()
        self._proposed = 0
        self._batches = 0
        self._sequence = 0
        self._samples = related_samples(kit.records, kit.target.fingerprint(), self.began)
        self._work: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()

    @property
    def stopped(self) -> bool:
        """Whether somebody wanted it to end early."""
        return self._stopped.is_set()

    @property
    def over(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._stopped.is_set() or (self._end is not None and self._clock() >= self._end)

    @property
    def spent(self) -> bool:
        """Whether all trials were made."""
        return self.effort.trials is not None and self._proposed >= self.effort.trials

    @property
    def exhausted(self) -> bool:
        """Whether all trials were made, or nothing is expected of any task any more."""
        return self.spent or self._next_state() is None

    def wants(self, task: Task, trials: int) -> bool:
        """Whether fewer results than so many are known of an adopted task, and there are more to be had."""
        state = self.states.get(task.hash)
        return state is not None and len(state.results) < trials and not state.progress.done

    def stop(self) -> None:
        """End soon: what is being measured is still finished and kept."""
        self._stopped.set()

    def adopt(self, tasks: Sequence[TuningTask]) -> None:
        """These are the tasks from now on. What is known of tasks is kept; those that are not listed get no trials."""
        spaces = self.kit.spaces([tuning.task for tuning in tasks if tuning.task.hash not in self.states])
        for state in self.states.values():
            state.tuning = TuningTask(state.tuning.task, state.tuning.name, 0.0, chosen=False)
        for tuning in tasks:
            state = self.states.get(tuning.task.hash)
            if state is not None:
                state.tuning = tuning
            elif found := spaces.get(tuning.task):
                self.states[tuning.task.hash] = self._known_state(TaskState(tuning, found, self.kit))
        self._tell(TasksAdopted(tuple(tasks)))

    def measure_defaults(self, seconds: float = math.inf) -> None:
        """Try the defaults of what builds take, the heaviest tasks first, for some seconds at most: with them, the
        expected time of models is known. They count as no trials."""
        until = self._clock() + seconds
        missing = [state for state in self.states.values() if state.tuning.chosen and state.pending_default]
        missing.sort(key=lambda state: -state.tuning.weight * state.tuning.rival)
        batches = (self._batch(state, DEFAULT, 1, state.defaults[:1]) for state in missing)
        self._run(lambda: next(batches, None) if self._clock() < until else None)

    def search(self, trials: int, depth: float = math.inf) -> None:
        """Make about so many trials, fewer when the session is over or all tasks are done. A task of which ``depth``
        results are known gets none."""
        until = self._proposed + trials
        self._run(lambda: self._next_batch(until, depth))

    @property
    def _compares(self) -> bool:
        """Whether candidates are timed, beside the best one so far."""
        return self.kit.source is TimeSource.MEASURED

    # -- proposing and building ---------------------------------------------------------------------

    def _next_state(self, depth: float = math.inf) -> TaskState | None:
        shallow = {name: state for name, state in self.states.items() if len(state.results) < depth}
        name = next_task({name: state.progress for name, state in shallow.items()})
        return None if name is None else self.states[name]

    def _next_batch(self, until: int, depth: float) -> _Batch | None:
        limit = until if self.effort.trials is None else min(until, self.effort.trials)
        state = self._next_state(depth)
        if limit <= self._proposed or state is None:
            return None
        asked = int(min(self.effort.batch, limit - self._proposed, depth - len(state.results)))
        if state.search is None:
            if defaults := state.untried_defaults:
                first = defaults[:1] if state.pending_default else defaults
                self._proposed += len(first)
                return self._batch(state, DEFAULT, len(first), first)
            state.start_search(self.seed, self._samples)
        self._proposed += asked
        return self._batch(state, self.kit.search, asked)

    def _batch(self, state: TaskState, search: str, asked: int, proposed: Sequence[Choice] = ()) -> _Batch:
        self._batches += 1
        return _Batch(self._batches, state, search, asked, proposed)

    def _build(self) -> None:
        """The life of the thread that proposes and builds."""
        while (batch := self._work.get()) is not None:
            try:
                for part in self._parts(batch):
                    batch.made.put(part)
                batch.made.put(None)
            except BaseException as error:  # noqa: BLE001 -- raised again by the thread that measures
                batch.made.put(error)

    def _parts(self, batch: _Batch) -> Iterator[list[Built]]:
        state, builder = batch.state, self.kit.builder
        if not batch.proposed:
            assert state.search is not None
            batch.proposed = state.search.ask(batch.asked)
        best = state.best
        batch.incumbent = state.incumbent
        if self._compares and best is not None and state.incumbent is None and batch.proposed:
            (built,) = builder.build(state.tuning.task, [best.choice])
            if built.status is Status.OK and best.seconds is not None:
                batch.incumbent = Incumbent(built, best.seconds)
        size = self.effort.part
        for start in range(0, len(batch.proposed), size):
            if self.over:
                return
            yield builder.build(state.tuning.task, batch.proposed[start : start + size])

    # -- measuring ----------------------------------------------------------------------------------

    def _run(self, next_batch: Callable[[], _Batch | None]) -> None:
        """Finish batches, with one more under way, until there are none or the session is over."""
        thread = threading.Thread(target=self._build, daemon=True)
        thread.start()
        under_way: list[_Batch] = []
        try:
            while not self.over:
                while len(under_way) < 2 and (batch := next_batch()) is not None:
                    batch.state.in_flight = True
                    under_way.append(batch)
                    self._work.put(batch)
                if not under_way:
                    return
                self._finish(under_way[0])
                under_way.pop(0).state.in_flight = False
        finally:
            self._work.put(None)
            for batch in under_way:
                batch.state.in_flight = False

    def _finish(self, batch: _Batch) -> None:
        """Measure a batch as it is built, keep the results, and tell them to the search."""
        records: list[Record] = []
        features: dict[Choice, Features] = {}
        while (part := self._next_part(batch)) is not None:
            features.update((one.choice, one.features) for one in part)
            answers = self._answers(batch, part)
            if answers is None:
                break
            records += self._keep(batch, part, answers)
        state = batch.state
        told = observations(records, features)
        if state.search is not None:
            state.search.tell(told)
        task = state.tuning.task.hash
        self._samples += [Sample(task, Kernel(o.choice, o.features), o.seconds) for o in told if o.features]
        if not self.over:
            self._proposed -= batch.asked - len(batch.proposed)
            state.done = state.done or not batch.proposed

    def _next_part(self, batch: _Batch) -> list[Built] | None:
        """What has been built next; None at the end, or when the session is over before that."""
        while not self.over:
            try:
                part = batch.made.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if isinstance(part, BaseException):
                raise part
            return part
        return None

    def _answers(self, batch: _Batch, part: Sequence[Built]) -> list[Measured] | None:
        """How each candidate did, in order; None when the session is over before the device answers."""
        sound = [one for one in part if one.status is Status.OK]
        if self.kit.device is None:
            ran = iter([Measured(one.choice, Status.OK) for one in sound])
        else:
            measured = self._measured(batch, sound) if sound else []
            if measured is None:
                return None
            ran = iter(measured)
        return [
            next(ran) if one.status is Status.OK else Measured(one.choice, one.status, detail=one.detail)
            for one in part
        ]

    def _measured(self, batch: _Batch, candidates: Sequence[Built]) -> list[Measured] | None:
        """Measure candidates. The one that seems to beat the best so far is measured once more, and the second time
        counts: the first was picked for being short, and errors of times would add up from one best to the next. Where
        a session ends before that, the first is all there is."""
        results = self._measure(batch, candidates)
        if results is None or not self._compares:
            return results
        sure: set[int] = set()
        while (number := self._unsure(batch, results, sure)) is not None:
            again = self._measure(batch, [candidates[number]])
            if again is None or self._stopped.is_set():
                return results
            results[number] = replace(again[0], times=(*results[number].times, *again[0].times))
            sure.add(number)
        return results

    def _unsure(self, batch: _Batch, results: Sequence[Measured], sure: set[int]) -> int | None:
        """Which of some results would be the new best, by a single measurement; None if there is no such."""
        incumbent = batch.state.incumbent or batch.incumbent
        if incumbent is None:
            return None
        times = {n: result.seconds for n, result in enumerate(results) if result.seconds is not None}
        number = min(times, key=times.__getitem__, default=None)
        return None if number is None or number in sure or times[number] >= incumbent.seconds else number

    def _measure(self, batch: _Batch, candidates: Sequence[Built]) -> list[Measured] | None:
        """As the device says; if it is lost, it is asked again until it answers or the session is over."""
        assert self.kit.device is not None
        incumbent = batch.state.incumbent or batch.incumbent
        lost = 0
        while True:
            try:
                measured = self.kit.device.measure(batch.state.tuning.task, candidates, incumbent)
            except DeviceLostError as error:
                wait = self.effort.waits[min(lost, len(self.effort.waits) - 1)]
                self._tell(DeviceLost(str(error), wait))
                lost += 1
                self._stopped.wait(wait)
                if self.over:
                    return None
                continue
            if lost:
                self._tell(DeviceBack())
            return measured

    def _keep(self, batch: _Batch, part: Sequence[Built], answers: Sequence[Measured]) -> list[Record]:
        """Put results into the database, then tell of them."""
        state = batch.state
        records: list[Record] = []
        for built, answer in zip(part, answers, strict=True):
            if self._stopped.is_set() and answer.status is not Status.OK:
                continue  # an interrupt reaches the processes that build and run, too: their failures say nothing
            seconds = answer.seconds if self._compares else built.predicted_seconds
            if answer.status is Status.OK and seconds is None:
                state.unanswered.add(answer.choice)
                continue
            records.append(self._record(batch, answer, seconds, len(state.results) + len(records)))
        made = {built.choice: built for built in part}
        if records:
            self.kit.records.add(state.tuning.task, records, [made[record.choice].features for record in records])
        for record in records:
            improved = state.add(record)
            if improved and self._compares and record.seconds is not None:
                state.incumbent = Incumbent(made[record.choice], record.seconds)
            known = len(state.results)
            self._tell(TrialDone(state.tuning, record, improved, known))
        return records

    def _record(self, batch: _Batch, answer: Measured, seconds: float | None, trial: int) -> Record:
        provenance: dict[str, Fact] = {
            "machine": self.kit.machine,
            "unix_time": round(time.time(), 6),
            "session": self.name,
            "began": self.began,
            "search": batch.search,
            "seed": self.seed,
            "trial": trial,
            "sequence": self._sequence,
            "batch": batch.number,
            "asked": batch.asked,
            "related": batch.state.related,
        }
        self._sequence += 1
        task, fingerprint = batch.state.tuning.task.hash, self.kit.target.fingerprint()
        return Record(
            task,
            fingerprint,
            answer.choice,
            batch.state.spaces[answer.choice.template].version,
            self.kit.toolchain,
            answer.status,
            self.kit.source,
            seconds if answer.status is Status.OK else None,
            tuple(answer.times),
            answer.detail,
            answer.choice == batch.state.defaults[0],
            provenance,
        )

    def _known_state(self, state: TaskState) -> TaskState:
        """Tell what the database had of a task."""
        default, best = state.results.get(state.defaults[0]), state.best
        seconds = (default.seconds if default else None, best.seconds if best else None)
        self._tell(TaskKnown(state.tuning, *seconds, len(state.results)))
        return state
